"""Whose turn it is: one client after another, however many batches somebody has, and nobody who is paused."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import count

import hypothesis
import hypothesis.strategies as st
import pytest
from factories import NOW, make_client, make_leads, make_run, on_one_ledger
from hypothesis import given
from ledger.batches import put
from machine.world import emptied

from harvester.ledger import Ledger, due_actor_runs, pauses
from harvester.ledger.pauses import ALL, Pause
from harvester.models import ActorRun, ActorRunState

QUEUES = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def queued(ledger: Ledger, queues: list[int]) -> dict[int, ActorRun]:
    """Give each client as many planned batches as its queue has, those of one client after another's."""
    rows: dict[int, ActorRun] = {}
    for number, batches in enumerate(queues):
        client_id = f"client-{number}"
        make_client(ledger, client_id)
        leads = make_leads(ledger, client_id, batches)
        for run in make_run(ledger, [[lead] for lead in leads], client_id=client_id):
            rows[run.id] = run
    return rows


def named(ledger: Ledger, places: int) -> list[int]:
    """Name the rows that start next."""
    with ledger.read() as tx:
        return due_actor_runs.to_start(tx, now=NOW, max_in_flight=places, limit=100)


@hypothesis.settings(parent=on_one_ledger, max_examples=10)
@given(queues=QUEUES, places=st.integers(1, 4), ends=st.lists(st.integers(0, 100), max_size=60))
def test_whoever_has_nothing_at_work_is_passed_over_by_nobody_twice(
    ledger: Ledger, queues: list[int], places: int, ends: list[int]
) -> None:
    emptied(ledger)
    rows = queued(ledger, queues)
    waiting = Counter(run.client_id for run in rows.values())
    at_work: list[int] = []
    passed: dict[str, Counter[str]] = {client: Counter() for client in waiting}
    ticks = count(1)
    for end in [*ends, *[0] * len(rows)]:
        for row_id in named(ledger, places):
            client, moment = rows[row_id].client_id, NOW + timedelta(seconds=next(ticks))
            put(ledger, rows[row_id], state=ActorRunState.RUNNING, start_requested_at=moment)
            at_work.append(row_id)
            waiting[client] -= 1
            passed[client].clear()
            for other in +waiting:
                if not any(rows[busy].client_id == other for busy in at_work):
                    passed[other][client] += 1
        assert len(at_work) == min(places, len(at_work) + waiting.total())
        assert all(times < 2 for by in passed.values() for times in by.values()), passed
        if at_work:
            over = at_work.pop(end % len(at_work))
            put(ledger, rows[over], state=ActorRunState.INGESTED, next_check_at=None)
            passed[rows[over].client_id].clear()
    assert not +waiting


def test_places_are_shared_out_evenly_and_earlier_batches_come_first(ledger: Ledger) -> None:
    rows = queued(ledger, [50, 2, 1])
    shares = Counter(rows[row_id].client_id for row_id in named(ledger, 6))
    assert shares == {"client-0": 3, "client-1": 2, "client-2": 1}
    assert {rows[row_id].batch for row_id in named(ledger, 3)} == {1}
    first = named(ledger, 3)[0]
    put(ledger, rows[first], next_check_at=NOW - timedelta(hours=1))
    assert named(ledger, 1) == [first]


@pytest.mark.parametrize(("paused", "left"), [([ALL], 0), (["client-0"], 3), (["client-0", "client-1"], 1)])
def test_whoever_is_paused_is_not_named_and_delays_nobody(
    ledger: Ledger, paused: list[str], left: int
) -> None:
    queued(ledger, [5, 2, 1])
    with ledger.write() as tx:
        for scope in paused:
            assert pauses.put(tx, Pause(scope, NOW, "looking into it", "test"))
    assert len(named(ledger, 10)) == left


def test_rows_that_wait_for_a_budget_are_held_back_together_and_let_go_together(ledger: Ledger) -> None:
    rows = queued(ledger, [4, 1])
    later = NOW + timedelta(seconds=10)
    put(ledger, next(iter(rows.values())), attempt=1)  # a webhook may tell of its lost start
    with ledger.write() as tx:
        due_actor_runs.hold_back(tx, "client-0", now=NOW, until=later)
    assert [rows[row_id].client_id for row_id in named(ledger, 10)] == ["client-0", "client-1"]
    with ledger.write() as tx:
        due_actor_runs.let_go(tx, "client-0", now=NOW)
    assert len(named(ledger, 10)) == 5
