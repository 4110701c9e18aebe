"""Which actor harvests for a client, and what becomes of a batch where that takes few profiles at once."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest
from factories import NOW, FakeClock, make_client, make_leads, make_limits, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from ledger.batches import put
from records import batches

from harvester import normalise
from harvester.ledger import Ledger, actor_runs, clients, due_actor_runs, usage
from harvester.models import ActorRun, ActorRunState
from harvester.normalise import ACTORS
from services.kickoff import Kickoff, Order
from services.lots import batches_in
from services.plan import Limits
from services.reckoning import Reckoning

ONE_BY_ONE = "apimaestro/linkedin-profile-posts"
BY_THREES = "somebody/three-at-once"
HARVESTAPI = "harvestapi/linkedin-profile-posts"
AT_ONCE = {ONE_BY_ONE: 1, BY_THREES: 3, HARVESTAPI: 1_000}

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def by_threes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Know an actor that takes three profiles at once."""
    known = replace(ACTORS[ONE_BY_ONE], actor_id=BY_THREES, profiles_at_once=3)
    monkeypatch.setattr(normalise, "ACTORS", MappingProxyType({**ACTORS, BY_THREES: known}))


def kicked_off(ledger: Ledger, limits: Limits, order: Order, clock: FakeClock | None = None) -> str:
    """Kick off, and give the client run's ID."""
    answer = Kickoff(ledger, limits, clock or FakeClock())(order)
    assert answer.client_run_id is not None, answer
    return answer.client_run_id


def by_lot(found: list[ActorRun]) -> list[list[ActorRun]]:
    """Give the actor runs of one client run by the batch of leads that they are of."""
    return [list(some) for _, some in itertools.groupby(found, lambda run: run.lot or run.batch)]


@on_one_ledger
@given(
    people=st.integers(0, 12),
    size=st.integers(1, 6),
    guardrail=st.integers(1, 4),
    own=st.sampled_from([None, *AT_ONCE]),
    usual=st.sampled_from([*AT_ONCE]),
    chosen=st.booleans(),
)
def test_a_batch_is_one_whatever_its_actor_takes_at_once(
    ledger: Ledger, people: int, size: int, guardrail: int, own: str | None, usual: str, chosen: bool
) -> None:
    client_id, actor_id = f"client-{next(_numbers)}", own or usual
    changes = {"daily_target": 1_000, "batch_size": size, "max_batches": guardrail, "actor_id": own}
    make_client(ledger, client_id, **changes)
    due = make_leads(ledger, client_id, people) if people else []
    urls = [lead.profile_url for lead in due]
    order = Order(client_id, target_urls=urls if chosen and urls else None)
    found = batches(ledger, kicked_off(ledger, make_limits(actor_id=usual), order))
    expected = -(-people // size) if order.target_urls is not None else min(guardrail, -(-people // size))
    lots = by_lot(found)
    assert [sum(run.profiles for run in lot) for lot in lots] == [
        min(size, people - number * size) for number in range(expected)
    ]
    for lot in lots:
        whole = sum(run.profiles for run in lot)
        assert len(lot) == -(-whole // AT_ONCE[actor_id])
        assert {run.lot for run in lot} == {lot[0].batch if len(lot) > 1 else None}
        assert all(run.profiles <= AT_ONCE[actor_id] and run.actor_id == actor_id for run in lot)
    assert [run.batch for run in found] == list(range(1, len(found) + 1))
    assert len({run.marker for run in found}) == len(found)
    with ledger.read() as tx:
        sent = [target.lead_id for run in found for target in actor_runs.targets(tx, run.id)]
        assert len(sent) == len(set(sent)) == sum(run.profiles for run in found)
        assert usage.batches_since(tx, client_id, since=NOW) == batches_in(found) == expected


def test_a_lot_is_a_batch_of_the_day_if_any_of_it_was_sent(ledger: Ledger) -> None:
    make_client(ledger, "One", daily_target=100, batch_size=2, actor_id=ONE_BY_ONE)
    make_leads(ledger, "One", 4)
    found = batches(ledger, kicked_off(ledger, make_limits(), Order("One")))
    assert [run.lot for run in found] == [1, 1, 3, 3]
    for run in found[:3]:
        put(ledger, run, state=ActorRunState.FAILED)
    with ledger.read() as tx:
        assert usage.batches_since(tx, "One", since=NOW) == 1
    put(ledger, found[1], apify_run_id="WasStarted0000001")
    with ledger.read() as tx:
        assert usage.batches_since(tx, "One", since=NOW) == 2


def test_hundreds_of_actor_runs_keep_no_other_client_waiting(ledger: Ledger) -> None:
    limits = make_limits(actor_id=ONE_BY_ONE)
    make_client(ledger, "Many", daily_target=400, batch_size=200)
    make_leads(ledger, "Many", 200)
    kicked_off(ledger, limits, Order("Many"))
    make_client(ledger, "Few", daily_target=4, batch_size=2)
    make_leads(ledger, "Few", 2)
    kicked_off(ledger, limits, Order("Few"), FakeClock(NOW + timedelta(minutes=1)))
    turns = [started(ledger, NOW + timedelta(minutes=2, seconds=second)) for second in range(8)]
    assert turns == ["Many", "Few", "Many", "Few", *["Many"] * 4]


def started(ledger: Ledger, now: datetime) -> str:
    """Start the actor run whose turn it is in the only place there is, and end it. Gives its client."""
    with ledger.read() as tx:
        (row_id,) = due_actor_runs.to_start(tx, now=now, max_in_flight=1, limit=10)
        run = actor_runs.get(tx, row_id)
    assert run is not None
    put(ledger, run, state=ActorRunState.INGESTED, next_check_at=None, start_requested_at=now)
    return run.client_id


def test_companions_are_paid_for_where_the_actor_brings_them(ledger: Ledger) -> None:
    make_client(ledger, "One", daily_target=100, batch_size=4)
    make_leads(ledger, "One", 4)
    (run,) = batches(ledger, kicked_off(ledger, make_limits(), Order("One")))
    reckon = Reckoning(make_limits().budgets, max_comments=2, max_reactions=3)
    asked = {actor_id: reckon.may_be_charged(replace(run, actor_id=actor_id)) for actor_id in ACTORS}
    assert asked[HARVESTAPI] == 4 * 2 * 6
    assert asked[ONE_BY_ONE] == 4 * 2


def test_what_airtable_says_of_a_client_leaves_its_actor(ledger: Ledger) -> None:
    client = make_client(ledger, "One", actor_id=ONE_BY_ONE)
    with ledger.write() as tx:
        clients.put(tx, replace(client, actor_id=None, name="Another"))
        kept = clients.get(tx, "One")
    assert kept == replace(client, name="Another")
