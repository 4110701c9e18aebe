"""Which actor runs are due: each named once, held ones left alone, planned ones as places are free."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from factories import NOW
from simultaneous import at_once

from harvester.ledger import Ledger, actor_runs, due_actor_runs
from harvester.models import ActorRun, ActorRunState
from ledger.batches import EXPIRED, LEASE, claimed, due, planned, put


def test_a_due_row_is_named_once_until_its_wake_up_is_overdue(ledger: Ledger, run: ActorRun) -> None:
    assert due(ledger) == {run.id}
    assert due(ledger) == set()
    assert due(ledger, now=NOW + timedelta(seconds=30)) == set()
    assert due(ledger, now=NOW + timedelta(seconds=31)) == {run.id}


def test_a_held_row_is_not_due_until_its_lease_runs_out(ledger: Ledger, run: ActorRun) -> None:
    claimed(ledger, run.id)
    assert due(ledger, now=NOW + LEASE) == set()
    assert due(ledger, now=EXPIRED) == {run.id}


def test_a_claim_ends_the_wait_for_the_wake_up(ledger: Ledger, run: ActorRun) -> None:
    assert due(ledger) == {run.id}
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        actor_runs.move(tx, held, held.state, now=NOW, next_check_at=NOW)
    assert due(ledger) == {run.id}


def test_two_ticks_at_once_share_the_rows(ledger: Ledger) -> None:
    runs = planned(ledger, 12)
    named = at_once([partial(due, ledger)] * 4)
    assert sorted(row_id for found in named for row_id in found) == [run.id for run in runs]


@pytest.mark.parametrize(("max_in_flight", "startable"), [(0, 0), (3, 0), (4, 1), (5, 2), (100, 3)])
def test_planned_rows_are_due_only_while_places_are_free(
    ledger: Ledger, max_in_flight: int, startable: int
) -> None:
    runs = planned(ledger, 6)
    busy = dict(zip(runs[:3], actor_runs.IN_FLIGHT, strict=True))
    for run, state in busy.items():
        put(ledger, run, state=state)
    with ledger.read() as tx:
        assert due_actor_runs.in_flight(tx) == 3
        earlier = NOW - timedelta(seconds=1)
        assert due_actor_runs.to_start(tx, now=earlier, max_in_flight=max_in_flight, limit=100) == []
    found = due(ledger, max_in_flight=max_in_flight)
    assert found == {run.id for run in [*busy, *runs[3 : 3 + startable]]}


def test_the_rows_that_are_due_the_longest_come_first(ledger: Ledger) -> None:
    runs = planned(ledger, 5)
    for run, minutes in zip(runs, [3, 1, 4, 2, 0], strict=True):
        put(ledger, run, state=ActorRunState.RUNNING, next_check_at=NOW - timedelta(minutes=minutes))
    assert due(ledger, limit=2) == {runs[2].id, runs[0].id}
    assert due(ledger, limit=2) == {runs[3].id, runs[1].id}
