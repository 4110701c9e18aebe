"""Reconcile: compare what the ledger holds with what Apify says, and with itself, and repair.

Rows that are open are asked about one by one, each in its time (`services/follow.py`). Here is the rest: what
changed at Apify while no row was open for it, actor runs that no row knows, leads that were left behind, and
costs that came late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import BadAnswer, Unavailable
from harvester.ledger import Ledger, Tx, activity, actor_runs, leads, unfinished
from harvester.models import ActorRun, ActorRunState
from services import outages
from services.dead_letters import DISCARDED
from services.orphans import Orphans, orphan_marker
from services.provenance import CLOCK_SKEW, Provenance

#: Actor runs of a list that are compared in one look at the ledger.
_AT_ONCE: Final = 500
_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
_WAITING: Final = (ActorRunState.PLANNED, ActorRunState.FAILED)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a reconcile found and repaired, each as a count."""

    actor_runs_compared: int = 0
    resurrected: int = 0
    adopted: int = 0
    orphans: int = 0
    leads_healed: int = 0
    costs_corrected: int = 0


class Reconcile:
    """Looks at everything that was started within `window`."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        orphans: Orphans,
        provenance: Provenance,
        adopt: Callable[[ActorRun, list[ApifyRun]], str | None],
        late_costs: Callable[[], int],
        clock: Callable[[], datetime],
        *,
        window: timedelta,
        stale_lead: timedelta,
        lease: timedelta,
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._orphans = orphans
        self._provenance = provenance
        self._adopt = adopt
        self._late_costs = late_costs
        self._clock = clock
        self._window = window
        self._stale_lead = stale_lead
        self._lease = lease
        self._strangers: set[str] = set()

    def __call__(self) -> Findings:
        """Look through Apify's list and the leads. Raises `ApifyError` and `LedgerUnavailable`."""
        earliest = self._clock() - self._window
        found = Findings(leads_healed=self.heal_leads())
        with self._ledger.read() as tx:
            outage = outages.now(tx)
            if outage is not None:  # a row that is due finds out whether it is over
                raise Unavailable(outage.reason)
            actors = unfinished.since(tx, earliest=earliest)
            search = unfinished.lost_starts(tx, earliest=earliest)
        for actor_id, first in actors.items():
            try:
                listed = iter(self._apify.runs_since(actor_id, first - CLOCK_SKEW))
                while some := list(islice(listed, _AT_ONCE)):
                    found = self._compared(actor_id, some, found, search=search)
            except BadAnswer as error:
                _log.warning("Apify's list of %s could be read in part alone: %s", actor_id, error)
        found = replace(found, costs_corrected=self._late_costs())
        if found != Findings(actor_runs_compared=found.actor_runs_compared):
            _log.warning("Reconcile repaired something: %s", found)
        return found

    def unfinished(self) -> list[int]:
        """Name the rows of which something was sent to Apify and that are not over, oldest first."""
        with self._ledger.read() as tx:
            return unfinished.at_apify(tx)

    def wake(self, also: Callable[[Tx], object] = lambda _tx: None, *, by: str | None = None) -> int:
        """Make every row that is not over due at once, and do `also`. Returns how many rows there are.

        `by`: which person asks, for the activity log.
        """
        now = self._clock()
        with self._ledger.write() as tx:
            also(tx)
            woken = unfinished.wake_all(tx, now=now)
            if by is not None:
                told = f"{woken} open actor runs were made due"
                ids = {"client_run_id": None, "client_id": None}
                activity.record(tx, "reconcile", source=by, **ids, ok=True, detail=told, now=now)
        return woken

    def heal_leads(self) -> int:
        """Set leads free that were left `Processing` and that no open row has. Returns how many."""
        with self._ledger.write() as tx:
            return leads.heal(tx, now=self._clock(), stale_after=self._stale_lead)

    def _compared(self, actor_id: str, listed: list[ApifyRun], found: Findings, *, search: bool) -> Findings:
        with self._ledger.read() as tx:
            rows = unfinished.known(tx, [run.id for run in listed])
        changed = [rows[run.id] for run in listed if run.id in rows and _has_changed(rows[run.id], run)]
        if changed:
            with self._ledger.write() as tx:
                for row in changed:
                    actor_runs.wake(tx, row.id, now=self._clock())
        unknown = [run for run in listed if run.id not in rows] if search else []
        outcomes = [self._placed(actor_id, run) for run in unknown]
        return replace(
            found,
            actor_runs_compared=found.actor_runs_compared + len(listed),
            resurrected=found.resurrected + len(changed),
            adopted=found.adopted + outcomes.count("adopted"),
            orphans=found.orphans + outcomes.count("orphan"),
        )

    def _placed(self, actor_id: str, run: ApifyRun) -> str | None:
        """Find out whose actor run this is: a batch's that has none, an orphan, or a stranger."""
        if run.id in self._strangers:
            return None
        why = self._provenance.stranger(actor_id, run)
        if why is not None:  # and nothing of it is read
            _log.error("Apify's list of %s has actor run %s, which %s", actor_id, run.id, why)
            self._strangers.add(run.id)
            return None
        try:
            marker, _, attempt = (self._apify.marker_of(run) or "").partition(".")
        except BadAnswer as error:
            _log.warning("An actor run could not be looked at, and is again next time: %s", error)
            return None
        with self._ledger.read() as tx:
            row = actor_runs.by_marker(tx, marker) if marker else None
        if row is None:
            self._strangers.add(run.id)
            return None
        if row.apify_run_id is not None:
            if not self._orphans.may_be(row, run):
                self._strangers.add(run.id)
                return None
            taken = self._orphans.take_in(row, run, orphan_marker(marker, attempt))
            return "orphan" if taken else None
        return self._adopted(row, run)

    def _adopted(self, row: ActorRun, run: ApifyRun) -> str | None:
        """Give a batch its actor run, unless somebody is about to find it: a row that searches does."""
        if row.state not in _WAITING and row.parked_at is None:
            return None
        with self._ledger.write() as tx:
            held = self._claimed(tx, row)
        return self._adopt(held, [run]) if held is not None else None

    def _claimed(self, tx: Tx, row: ActorRun) -> ActorRun | None:
        now = self._clock()
        actor_runs.wake(tx, row.id, now=now)
        return actor_runs.claim(tx, row.id, owner="reconcile", now=now, until=now + self._lease)


def _has_changed(row: ActorRun, run: ApifyRun) -> bool:
    """Say whether an actor run that we were done with goes on, or has ended later than we know."""
    if row.state not in _OVER or row.parked_at is not None or row.error_code == DISCARDED:
        return False
    if not run.ended or row.apify_finished_at is None:
        return True
    return run.finished_at is not None and run.finished_at > row.apify_finished_at
