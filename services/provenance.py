"""Whether an actor run that Apify describes is ours: of our actor, of our account, and of our time.

What a webhook names may be anybody's, and a marker can be copied. So no actor run is adopted, and nothing of
it is read, before this says that nothing speaks against it.

Our account and our actor have IDs that Apify alone knows. They are learnt from its answers to our own starts,
which cost nothing; else they are asked for once by each process, and once more before a run that does not
match is called a stranger's: an actor may have been made anew under its name. If all that is known was asked
for, Apify's list of our runs of the actor has the last word: only our own are in it. Where nothing is known
and nothing can be asked, nothing is held against a run, for what was paid for must not wait for that; and
`services/follow.py` looks again before anything is read.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun, required_id
from harvester.apify_errors import ApifyError, Unavailable
from harvester.models import ActorRun
from harvester.normalise.text import one_line

#: The `error_code` of a row of which an actor run that is not ours was named, and who waits for a person.
FOREIGN: Final = "foreign_actor_run"
#: The same once a person has said that it is ours all the same.
ACCEPTED: Final = "accepted_actor_run"
#: How far the clocks of this machine and of Apify may be apart.
CLOCK_SKEW: Final = timedelta(minutes=5)
#: How often the same is asked at the most, whatever the answer was.
_ASK_AGAIN: Final = timedelta(minutes=1)
_ACCOUNT: Final = "the account"
#: Longer than an actor run lasts: how far back one is looked for that does not say when it began.
_LONGEST: Final = timedelta(days=2)
_ID_CHARS: Final = 40

_log = log.get_logger(__name__)


class Provenance:
    """Knows the IDs of our account and actors, for one process."""

    def __init__(self, apify: Apify, clock: Callable[[], datetime]) -> None:
        self._apify = apify
        self._clock = clock
        self._ids: defaultdict[str, set[str]] = defaultdict(set)
        self._from_starts: set[str] = set()
        self._asked_at: dict[str, datetime] = {}
        self._out_at: datetime | None = None
        # Whoever needs to know waits for whoever asks: between the two, a stranger would pass.
        self._asking = threading.Lock()
        self._behind = timedelta(0)

    def learn(self, run: ActorRun, found: ApifyRun) -> None:
        """Take from the answer to a start of ours whose its run is, and how far Apify's clock is behind."""
        for name, told in ((_ACCOUNT, found.user_id), (run.actor_id, found.actor_id)):
            if told is not None:
                self._ids[name].add(told)
                self._from_starts.add(name)
        if found.started_at is not None and run.start_requested_at is not None:
            self._behind = max(timedelta(0), run.start_requested_at - found.started_at)

    def stranger(self, actor: str, found: ApifyRun) -> str | None:
        """Say why an actor run is not of this actor and our account, in words that follow its name; or None.

        `actor` is the actor's name, or its ID, as we start it. Raises nothing for want of an answer.
        """
        if self._is_other(_ACCOUNT, found.user_id, self._apify.user):
            why = f"is of another account ({_shown(found.user_id)}) than APIFY_TOKEN's"
        elif self._is_other(actor, found.actor_id, lambda: self._apify.actor(actor)):
            why = f"is of another actor ({_shown(found.actor_id)}) than {actor}"
        else:
            return None
        return None if self._is_listed(actor, found) else why

    def of_another(self, run: ActorRun, found: ApifyRun) -> str | None:
        """Say why a row's own actor run is not ours, in words that follow its name; or None. A person's word
        that it is counts.
        """
        return None if run.error_code == ACCEPTED else self.stranger(run.actor_id, found)

    def not_of(self, run: ActorRun, found: ApifyRun) -> str | None:
        """Say why an actor run cannot be that of a row, in words that follow its name; or None."""
        if run.error_code != ACCEPTED and self._is_too_old(run, found):
            began, planned = f"{found.started_at:%Y-%m-%d %H:%M:%S}", f"{run.created_at:%Y-%m-%d %H:%M:%S}"
            return f"began at {began} UTC, before its batch was planned at {planned} UTC"
        return self.of_another(run, found)

    def _is_too_old(self, run: ActorRun, found: ApifyRun) -> bool:
        earliest = run.created_at - CLOCK_SKEW - self._behind
        return found.started_at is not None and found.started_at < earliest

    def _is_other(self, name: str, told: str | None, ask: Callable[[], Mapping[str, Any]]) -> bool:
        known = self._ids[name]
        if told is None or told in known:
            return False
        with self._asking:
            if told not in known and self._may_ask(name):
                self._ask(name, ask)
        return bool(known) and told not in known

    def _is_listed(self, actor: str, found: ApifyRun) -> bool:
        """Say whether Apify's list of our runs of the actor has this one; not asked where our starts tell.

        One that cannot be read has nothing to say.
        """
        if self._from_starts & {_ACCOUNT, actor}:
            return False
        try:
            runs = self._apify.runs_since(actor, (found.started_at or self._clock() - _LONGEST) - CLOCK_SKEW)
            listed = any(one.id == found.id for one in runs)
        except ApifyError as error:
            _log.warning("Apify's list of %s cannot be read, so what is known counts: %s", actor, error)
            return False
        if listed:
            self._ids[_ACCOUNT].add(found.user_id or "")
            self._ids[actor].add(found.actor_id or "")
        return listed

    def _may_ask(self, name: str) -> bool:
        """Say whether it is time. After one call in vain no other follows: a row's lease is short."""
        now, asked = self._clock(), (self._asked_at.get(name), self._out_at)
        return all(at is None or abs(now - at) >= _ASK_AGAIN for at in asked)

    def _ask(self, name: str, ask: Callable[[], Mapping[str, Any]]) -> None:
        self._asked_at[name] = self._clock()
        try:
            self._ids[name].add(required_id(ask().get("id")))
        except ApifyError as error:
            if isinstance(error, Unavailable):
                self._out_at = self._clock()
            _log.warning("Apify does not tell the ID of %s, so what is known counts: %s", name, error)


def _shown(told: str | None) -> str:
    return one_line(told or "", _ID_CHARS)


def accepted(run: ActorRun) -> dict[str, Any]:
    """Give what a row keeps when it is moved on, for a person has said that its actor run is ours."""
    return {"error_code": run.error_code, "error": run.error} if run.error_code == ACCEPTED else {}
