"""Starting an actor run at Apify: once, or not at all.

The row says `starting` on disk before the call goes out. Whatever is lost after that, the answer or this
process, leaves a row that must look for its marker at Apify before it may start again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from harvester import actor_inputs, log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import BadAnswer, Gone, NotNow, Refused, StartUnknown, Unavailable
from harvester.ledger import Ledger, Tx, actor_runs, clients, deliveries, usage
from harvester.models import ActorRun, ActorRunState
from harvester.webhook_tokens import TokenSigner
from services import run_records
from services.days import day_start
from services.outcome import give_up

_log = log.get_logger(__name__)

#: The wait between two searches doubles this often at most.
_DOUBLINGS: Final = 8
#: How far the clocks of this machine and of Apify may be apart in the search for a lost start.
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class StartTerms:
    """What every start is bounded by and told, from the settings."""

    webhook_url: str
    posted_limit: str
    max_comments: int
    max_reactions: int
    max_charge_usd: Decimal
    run_timeout_seconds: float
    daily_budget_micros: int
    max_in_flight: int
    not_now: timedelta
    unknown_start: timedelta
    give_up_search: timedelta
    search_every: timedelta
    look_again: timedelta
    reconcile: timedelta


class Start:
    """The steps of a row from `planned` to `running`."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        signer: TokenSigner,
        terms: StartTerms,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._signer = signer
        self._terms = terms
        self._clock = clock

    def planned(self, run: ActorRun) -> None:
        """Start the row's actor run, if a free place and the client's budget allow it.

        Raises `StartUnknown` and `Unavailable` after it has moved the row on: others need to know of these.
        """
        if run.attempt and self.adopt_told(run):
            return
        if not self._has_place():  # whoever sees none need not queue for the lock to see it again
            self._moved(run, ActorRunState.PLANNED, self._terms.look_again)
            return
        starting = self._reserved(run)
        if starting is None:
            return
        try:
            found = self._sent(starting)
        except StartUnknown as error:
            self._moved(starting, ActorRunState.START_UNKNOWN, timedelta(0), error=str(error))
            _log.warning("A start was sent and its answer lost; it is searched for", attempt=starting.attempt)
            raise
        except (NotNow, Unavailable) as error:
            self._not_started(starting, error)
            if isinstance(error, Unavailable):
                raise
        except Refused as error:
            with self._ledger.write() as tx:
                give_up(tx, starting, code=error.code, reason=str(error), now=self._clock())
        else:
            self._adopted(starting, found)

    def starting(self, run: ActorRun) -> None:
        """Take over a row whose process died in mid-start: whether the start arrived is unknown."""
        with self._ledger.write() as tx:
            unknown = actor_runs.keep(tx, run, state=ActorRunState.START_UNKNOWN)
        self.start_unknown(unknown)

    def start_unknown(self, run: ActorRun) -> None:
        """Search Apify for the actor run. Found: adopt it. Not found for long enough: plan it again."""
        if self.adopt_told(run):
            return
        assert run.start_requested_at is not None, "a start that was sent has its time"
        try:
            listed = self._apify.runs_since(run.actor_id, run.start_requested_at - CLOCK_SKEW)
            if self.adopt(run, listed):
                return
        except BadAnswer:
            if self._search_left(run) <= timedelta(0):
                raise  # a search that could not look at everything is no clean one
        except (Gone, Refused) as error:
            if self._clock() - run.start_requested_at < self._terms.give_up_search:
                raise
            self._search_ended(run, error)
            return
        left = self._search_left(run)
        if left > timedelta(0):
            # Less and less often: after an outage there are many of these, and the webhook tells sooner.
            wait = min(self._terms.search_every * 2.0 ** min(run.put_offs, _DOUBLINGS), left)
            self._moved(run, ActorRunState.START_UNKNOWN, wait, put_offs=run.put_offs + 1)
            return
        _log.warning("No actor run of this start was found; it is started again", attempt=run.attempt)
        self._moved(run, ActorRunState.PLANNED, timedelta(0))

    def _search_left(self, run: ActorRun) -> timedelta:
        assert run.start_requested_at is not None, "a start that was sent has its time"
        return run.start_requested_at + self._terms.unknown_start - self._clock()

    def _search_ended(self, run: ActorRun, error: Gone | Refused) -> None:
        """Apify lets nobody search any more. Should the lost run's webhook still come, it is adopted then."""
        with self._ledger.write() as tx:
            reason = f"a start was lost and cannot be searched for: {error}"
            give_up(tx, run, code=StartUnknown.code, reason=reason, now=self._clock())

    def adopt_told(self, run: ActorRun) -> bool:
        """Adopt the actor run of a lost start that a webhook told of, however late. False if none did."""
        with self._ledger.read() as tx:
            told = deliveries.unread_run_ids(tx, run.id)
        return self.adopt(run, self._read(told))

    def _has_place(self) -> bool:
        with self._ledger.read() as tx:
            return actor_runs.in_flight(tx) < self._terms.max_in_flight

    def _reserved(self, run: ActorRun) -> ActorRun | None:
        with self._ledger.write() as tx:
            tx.exclusively("starts")
            now = self._clock()
            spent = self._budget_spent(tx, run, now)
            if spent:
                give_up(tx, run, code="budget_spent", reason=spent, now=now)
                return None
            if actor_runs.in_flight(tx) >= self._terms.max_in_flight:
                actor_runs.move(
                    tx, run, ActorRunState.PLANNED, now=now, next_check_at=now + self._terms.look_again
                )
                return None
            return actor_runs.keep(
                tx,
                run,
                state=ActorRunState.STARTING,
                attempt=run.attempt + 1,
                start_requested_at=now,
            )

    def _budget_spent(self, tx: Tx, run: ActorRun, now: datetime) -> str | None:
        client = clients.get(tx, run.client_id)
        if client is None:
            return f"client {run.client_id} is gone"
        spent = usage.spent_micros(tx, run.client_id, since=day_start(client.timezone, now))
        if spent < self._terms.daily_budget_micros:
            return None
        return f"the client's budget of the day is spent: {spent / 1e6:.4f} USD"

    def _sent(self, run: ActorRun) -> ApifyRun:
        with self._ledger.read() as tx:
            targets = actor_runs.targets(tx, run.id)
            actor_runs.still_held(tx, run)  # whoever was paused past its lease must not pay when it wakes
        asked = actor_inputs.harvestapi(
            [target.target_url for target in targets],
            max_posts=run.max_posts,
            posted_limit=self._terms.posted_limit,
            max_comments=self._terms.max_comments,
            max_reactions=self._terms.max_reactions,
        )
        return self._apify.start(
            run.actor_id,
            asked,
            marker=f"{run.marker}.{run.attempt}",
            max_charge_usd=self._terms.max_charge_usd,
            run_timeout_seconds=self._terms.run_timeout_seconds,
            webhook_url=self._terms.webhook_url,
            webhook_token=self._signer.sign(run.marker, run.attempt, run.client_id),
        )

    def adopt(self, run: ActorRun, candidates: Iterable[ApifyRun]) -> bool:
        """Adopt the first of these actor runs that bears this row's marker. False if none does.

        Raises `BadAnswer` if none does of those that could be looked at, and some could not.
        """
        unread: BadAnswer | None = None
        for found in candidates:
            with self._ledger.read() as tx:
                taken = actor_runs.known_apify_run_ids(tx, [found.id])
            try:
                ours = not taken and (self._apify.marker_of(found) or "").startswith(f"{run.marker}.")
            except BadAnswer as error:
                unread = error
                continue
            if ours:
                self._adopted(run, found)
                return True
        if unread is not None:
            raise unread
        return False

    def _read(self, apify_run_ids: list[str]) -> Iterator[ApifyRun]:
        for apify_run_id in apify_run_ids:
            try:
                yield self._apify.run(apify_run_id)
            except Gone:
                continue

    def _adopted(self, run: ActorRun, found: ApifyRun) -> None:
        """Write down which actor run is ours, then wait for its webhook."""
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.move(
                tx,
                run,
                ActorRunState.RUNNING,
                now=now,
                next_check_at=now if found.ended else now + self._terms.reconcile,
                apify_run_id=found.id,
                dataset_id=found.dataset_id,
                apify_status=found.status,
                apify_started_at=found.started_at,
                error_code=None,
                error=None,
            )
            run_records.update(tx, run.client_run_id, run.client_id, source="advance", now=now)
            tx.after_commit(
                lambda: _log.info("Actor run started", actorRunId=found.id, profiles=run.profiles)
            )

    def _not_started(self, run: ActorRun, error: NotNow | Unavailable) -> None:
        """Apify took no start: wait, without counting it as an attempt."""
        self._moved(
            run, ActorRunState.PLANNED, self._terms.not_now, attempt=run.attempt - 1, error=str(error)
        )
        _log.warning("Apify takes no start now: %s", error)

    def _moved(self, run: ActorRun, to: ActorRunState, wait: timedelta, **values: Any) -> None:
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.move(tx, run, to, now=now, next_check_at=now + wait, **values)
