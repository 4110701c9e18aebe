"""What must be true of a start right before its effect: it is wanted, it is nobody's turn but its own, and
there is money for it. What was started is known from Apify, and not from the ledger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select

from harvester.ledger import Tx, tables

from .fake_apify import FakeApify, FakeRun
from .truths import rows


@dataclass
class Starts:
    """Judges each start. Budgets are in millionths of a USD; `paused` says since when, by scope."""

    apify: FakeApify
    zones: Mapping[str, str]
    daily: dict[str, int] = field(default_factory=dict)
    monthly: int | None = None
    paused: dict[str, datetime] = field(default_factory=dict)
    #: Rows that a person has discarded: what they have cost is not known to anybody.
    discarded: set[int] = field(default_factory=set)

    def judge(self, tx: Tx, run: FakeRun, *, may_be_late: bool) -> Iterator[str]:
        """Name what is wrong with a start.

        `may_be_late`: its worker was asleep perhaps when somebody wanted nothing started any more.
        """
        table = tables.actor_runs
        row = tx.execute(select(table).where(table.c.marker == run.batch)).one()
        run.row_id, run.client_id, run.reserved_at = row.id, row.client_id, row.start_requested_at
        yield from self._unwanted(tx, row, may_be_late)
        yield from _answered(tx, row)
        if not run.late:
            yield from self._unpaid(row, run.cap)

    def _unwanted(self, tx: Tx, row: Row[tuple[object, ...]], may_be_late: bool) -> Iterator[str]:
        since = [self.paused[scope] for scope in ("*", row.client_id) if scope in self.paused]
        if any(not may_be_late or row.start_requested_at > one for one in since):
            yield f"row {row.id} of {row.client_id} was started while starts were paused"
        statement = f"select cancel_requested_at from client_runs where client_run_id = '{row.client_run_id}'"
        if not may_be_late and any(asked is not None for (asked,) in rows(tx, statement)):
            yield f"row {row.id} was started although its client run is cancelled"

    def _unpaid(self, row: Row[tuple[object, ...]], cap: int) -> Iterator[str]:
        """I7: with what is paid and what is under way it is within the budgets of its day and month."""
        at, client_id, zone = row.start_requested_at, row.client_id, ZoneInfo(self.zones[row.client_id])

        def same_day(one: FakeRun, when: datetime) -> bool:
            return one.client_id == client_id and _day(when, zone) == _day(at, zone)

        of_day = cap + self._committed(same_day)
        if of_day > self.daily.get(client_id, of_day):
            yield f"row {row.id} was started with {cap}, and {client_id} may cost {of_day} in its day"
        of_month = cap + self._committed(lambda _, when: (when.year, when.month) == (at.year, at.month))
        if self.monthly is not None and of_month > self.monthly:
            yield f"row {row.id} was started with {cap}, and the month may cost {of_month}"

    def _committed(self, belongs: object) -> int:
        """Sum up what those that were started before have cost, or may cost; what nobody could know aside."""
        assert callable(belongs)
        return sum(
            (run.facts.cost_micros or 0) if run.facts.ended else run.cap
            for run in self.apify.runs.values()
            if run.reserved_at is not None
            and not (run.late or run.facts.resurrections or run.row_id in self.discarded)
            and belongs(run, run.reserved_at)
        )


def _day(when: datetime, zone: ZoneInfo) -> object:
    return when.astimezone(zone).date()


def _answered(tx: Tx, row: Row[tuple[object, ...]]) -> Iterator[str]:
    """Name the leads of a start that should not be sent: unreachable ones, and those that have an answer."""
    outcomes, leads, batches = tables.lead_outcomes.c, tables.leads.c, tables.actor_runs.c
    mine = select(outcomes.lead_id).where(outcomes.actor_run_id == row.id)
    gone = select(leads.id).where(leads.id.in_(mine), leads.unreachable_at <= row.created_at)
    for lead_id in tx.execute(gone).scalars():
        yield f"lead {lead_id} is unreachable and was sent again with row {row.id}"
    told = (
        select(outcomes.lead_id)
        .join(tables.actor_runs, batches.id == outcomes.actor_run_id)
        .where(
            outcomes.lead_id.in_(mine),
            outcomes.answer.in_(["posts", "none"]),
            outcomes.decided_at <= row.created_at,
            batches.client_run_id == row.client_run_id,
            batches.id < row.id,
            batches.resurrections == 0,
        )
    )
    for lead_id in tx.execute(told).scalars():
        yield f"lead {lead_id} has its answer in {row.client_run_id} and was sent again with row {row.id}"
