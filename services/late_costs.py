"""Late costs: what an actor run has cost in the end, where Apify had not told when it was over.

Apify's figures lag behind an end, by ten seconds as a rule. Its word is taken for good if it came later than
that, unless it is that nothing was paid for something. Until it is, the cap stays reserved.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import BadAnswer, Gone
from harvester.ledger import Ledger, late_costs
from harvester.models import ActorRun, ActorRunState
from services import run_records
from services.outcome import latest_cost
from services.reckoning import Reckoning

#: Actor runs that are asked about in one go.
_AT_ONCE: Final = 50
#: After so long an end is believed to have cost nothing, whatever it brought: some actors are free.
_NOTHING_AFTER: Final = timedelta(hours=1)

_log = log.get_logger(__name__)


def is_plausible(run: ActorRun, found: ApifyRun, *, was_read: bool) -> bool:
    """Say whether a cost was told, and is not nothing for something.

    Only of an actor run that `was_read` to its end it is known whether it brought anything.
    """
    if found.cost_micros is None:
        return False
    return found.cost_micros > 0 or (was_read and not run.cursor and not any(found.charged.values()))


class LateCosts:
    """Asks again, in waits that grow with the age of the end."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        reckon: Reckoning,
        clock: Callable[[], datetime],
        *,
        settles: timedelta,
        every: timedelta,
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._reckon = reckon
        self._clock = clock
        self._settles = settles
        self._every = every

    def __call__(self) -> int:
        """Ask about those that are due. Returns how many costs were corrected. Raises `ApifyError`."""
        with self._ledger.read() as tx:
            due = late_costs.due(tx, now=self._clock(), limit=_AT_ONCE)
        return sum(self._noted(run, self._told(run)) for run in due)

    def _told(self, run: ActorRun) -> ApifyRun | None:
        assert run.apify_run_id is not None, "it was started, or it would have cost nothing"
        try:
            return self._apify.run(run.apify_run_id)
        except (Gone, BadAnswer) as error:
            _log.warning("What an actor run cost is not told: %s", error, actorRunId=run.apify_run_id)
            return None

    def _noted(self, run: ActorRun, found: ApifyRun | None) -> bool:
        now = self._clock()
        age = now - (run.apify_finished_at or run.created_at)
        cost = run.cost_micros if found is None else latest_cost(run, found)
        for_good = self._is_for_good(run, found, age)
        due_at = None if for_good else now + max(self._every, age)
        with self._ledger.write() as tx:
            if not late_costs.note(tx, run, cost_micros=cost, due_at=due_at):
                return False
            if cost != run.cost_micros:
                run_records.update(tx, run.client_run_id, run.client_id, source="reconcile", now=now)
            if for_good:
                self._reckon.money_is_known(tx, run.client_id, now=now)
        return cost != run.cost_micros

    def _is_for_good(self, run: ActorRun, found: ApifyRun | None, age: timedelta) -> bool:
        if found is None:  # nobody knows better than what was told last
            return run.cost_micros is not None and age >= _NOTHING_AFTER
        if not found.ended or found.cost_micros is None or age < self._settles:
            return False
        was_read = run.state is ActorRunState.INGESTED
        return is_plausible(run, found, was_read=was_read) or age >= _NOTHING_AFTER
