"""Costs that Apify tells late, or never: the cap stays reserved until they are corrected to its word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from factories import NOW, FakeClock, make_client, make_leads, make_run
from sqlalchemy import select

from harvester.apify import Page
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import BadAnswer, Gone
from harvester.ledger import Ledger, Tx, actor_runs, tables, usage
from harvester.models import ActorRunState
from services import Services

from .test_budgets import built, work
from .till import Till


class SlowTill(Till):
    """Tells a cost some time after the end, or never; until then what `before` says."""

    lag: timedelta | None = timedelta(0)
    before: int | None = 0
    gone_after: timedelta | None = None
    poisoned = False

    def items(self, dataset_id: str, *, offset: int, limit: int) -> Page:
        """Read items."""
        if self.poisoned:
            raise BadAnswer("Apify's answer is no list of items")
        return super().items(dataset_id, offset=offset, limit=limit)

    def run(self, apify_run_id: str) -> ApifyRun:
        """Read a run."""
        found = super().run(apify_run_id)
        ended_at = found.finished_at
        if ended_at is None:
            return found
        if self.gone_after is not None and self.clock() >= ended_at + self.gone_after:
            raise Gone("Apify has it no more")
        late = self.lag is None or self.clock() < ended_at + self.lag
        return replace(found, cost_micros=self.before) if late else found

    def truth(self) -> int:
        """Give what Apify charges for everything that has ended."""
        return sum(self.runs[run_id].facts.cost_micros or 0 for run_id in self.ended())


def go_on(
    services: Services, clock: FakeClock, till: Till, *, part: float, minutes: int, step: int = 60
) -> None:
    """Let time go by: what runs ends at once, workers work, reconcile looks every five minutes."""
    for passed in range(0, minutes * 60, step):
        work(services, clock, seconds=step, times=1)
        for run_id in till.running():
            till.close(run_id, part)
        if passed % 300 == 0:
            services.reconcile()


def rows(ledger: Ledger) -> list[Any]:
    """Give the actor runs as they are in the ledger."""
    with ledger.read() as tx:
        return list(tx.execute(select(tables.actor_runs).order_by(tables.actor_runs.c.id)))


@pytest.mark.parametrize(
    ("lag", "before", "minutes", "step"),
    [(15, 0, 8, 12), (15, None, 8, 12), (59, 0, 8, 12), (400, None, 40, 60), (1_500, 0, 180, 120)],
)
def test_a_cost_that_comes_late_is_not_spent_twice(
    ledger: Ledger, clock: FakeClock, lag: int, before: int | None, minutes: int, step: int
) -> None:
    till = SlowTill(clock)
    till.lag, till.before = timedelta(seconds=lag), before
    services = built(ledger, clock, till, daily_budget_usd="1.00", items_lag_seconds=60)
    go_on(services, clock, till, part=0.9, minutes=minutes, step=step)
    assert till.truth() <= 1_000_000
    assert sum(row.cost_micros or 0 for row in rows(ledger)) == till.truth() >= 900_000
    assert {row.cost_due_at for row in rows(ledger) if row.apify_run_id} == {None}
    (run,) = services.overview.runs(limit=1).rows
    assert run["metrics"]["apifyCostUsd"] == till.truth() / 1e6


@pytest.mark.parametrize("gone_after", [None, timedelta(minutes=10)])
def test_what_is_never_told_stays_reserved(
    ledger: Ledger, clock: FakeClock, gone_after: timedelta | None
) -> None:
    till = SlowTill(clock)
    till.lag, till.before, till.gone_after = None, None, gone_after
    services = built(ledger, clock, till, daily_budget_usd="2.50", items_lag_seconds=60)
    go_on(services, clock, till, part=0.9, minutes=60)
    assert list(till.caps.values()) == [1_000_000, 1_000_000, 500_000]
    assert [row.cost_micros for row in rows(ledger)] == [None] * 3


@pytest.mark.slow
def test_an_actor_that_costs_nothing_is_believed_after_an_hour(ledger: Ledger, clock: FakeClock) -> None:
    till = Till(clock)
    services = built(ledger, clock, till, daily_budget_usd="1.00", items_lag_seconds=60)
    go_on(services, clock, till, part=0.0, minutes=30)
    assert len(till.caps) == 1, "until then its cap stays reserved, and the others wait"
    go_on(services, clock, till, part=0.0, minutes=360, step=120)
    assert list(till.caps.values()) == [1_000_000] * 3
    assert not any(row.error_code for row in rows(ledger))


@pytest.mark.parametrize("lag", [0, 11, 400])
def test_a_dead_letter_has_cost_what_apify_says(ledger: Ledger, clock: FakeClock, lag: int) -> None:
    """Its dataset cannot be read, which is paid for all the same."""
    till = SlowTill(clock)
    till.lag = timedelta(seconds=lag)
    till.poisoned = True
    services = built(ledger, clock, till, daily_budget_usd="1.00", items_lag_seconds=60)
    go_on(services, clock, till, part=1.0, minutes=40)
    assert till.truth() <= 1_000_000
    first = rows(ledger)[0]
    assert (first.state, first.cost_micros, first.cost_due_at) == ("failed", 1_000_000, None)


class Interrupted(Tx):
    """A transaction in which something happens after each statement."""

    def __init__(self, tx: Tx, then: Callable[[], None]) -> None:
        super().__init__(tx.connection)
        self._then = then

    def execute(self, *arguments: Any) -> Any:
        """Execute one statement; then it happens."""
        found = super().execute(*arguments)
        self._then()
        return found


def test_a_cost_that_becomes_known_meanwhile_is_in_one_of_the_sums(ledger: Ledger) -> None:
    make_client(ledger)
    (run,) = make_run(ledger, [make_leads(ledger, count=1)])
    with ledger.write() as tx:
        held = actor_runs.claim(tx, run.id, owner="test", now=NOW, until=NOW + timedelta(seconds=9))
        assert held is not None
        held = actor_runs.keep(
            tx, held, state=ActorRunState.INGESTING, start_requested_at=NOW, cap_micros=1_000_000
        )

    def settled() -> None:
        if rows(ledger)[0].state != "ingested":
            cost = {"cost_micros": 1_000_000, "cost_due_at": None}
            with ledger.write() as tx:
                actor_runs.move(tx, held, ActorRunState.INGESTED, now=NOW, next_check_at=None, **cost)

    # A transaction that writes sees what others commit meanwhile; SQLite has one at a time.
    with ledger.read() as tx:
        opened = ledger.read if tx.on_sqlite else ledger.write
    with opened() as tx:
        money = usage.of_all(Interrupted(tx, settled), since=NOW - timedelta(days=1))
    assert money.paid + money.reserved == 1_000_000
