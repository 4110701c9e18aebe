"""Settling: a client run goes on until its target, and ends once, with the right word."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, FakeClock, end_run, make_client, make_leads, make_run
from records import FULL_ID, batches, harvested, job, record
from simultaneous import at_once

from harvester.ledger import Ledger, clients, new_actor_runs, tables
from harvester.models import ActorRunState, ClientRunStatus
from services.kickoff import Kickoff, Order
from services.settle import Settle

COMPLETED, FAILED = ClientRunStatus.COMPLETED, ClientRunStatus.FAILED
WITH_ERRORS, CANCELLED = ClientRunStatus.COMPLETED_WITH_ERRORS, ClientRunStatus.CANCELLED


def due(ledger: Ledger, settle: Settle) -> list[str]:
    with ledger.read() as tx:
        return settle.due(tx, 9)


def test_batches_follow_until_the_target_is_met(ledger: Ledger, kickoff: Kickoff, settle: Settle) -> None:
    make_client(ledger, daily_target=10)
    make_leads(ledger, count=30)
    kickoff(Order(CLIENT_ID))
    sizes: list[int] = []
    while record(ledger).status == "Running":
        assert len(sizes) < 10, "it goes on for ever"
        latest = batches(ledger)[-1]
        sizes.append(latest.profiles)
        harvested(ledger, latest, posts_found=1)
        settle(FULL_ID)
    assert sizes == [5, 3, 1, 1]  # each as many profiles, at two posts each, as the missing posts need
    assert record(ledger).status is COMPLETED
    with ledger.read() as tx:
        picked = tx.execute(tables.lead_outcomes.select()).all()
    assert len({row.lead_id for row in picked}) == len(picked) == sum(sizes)


@pytest.mark.parametrize(
    ("changes", "posts_found", "cost"),
    [
        ({"daily_target": 4}, 2, 0),  # target met
        ({"max_batches": 1}, 0, 0),  # guardrail reached
        ({}, 0, 5_000_000),  # budget spent
    ],
)
def test_nothing_follows_past_a_limit(
    ledger: Ledger, kickoff: Kickoff, settle: Settle, changes: dict[str, Any], posts_found: int, cost: int
) -> None:
    make_client(ledger, **changes)
    make_leads(ledger, count=30)
    kickoff(Order(CLIENT_ID))
    (only,) = batches(ledger)
    harvested(ledger, only, posts_found, cost_micros=cost)
    settle(FULL_ID)
    assert len(batches(ledger)) == 1
    assert record(ledger).status is COMPLETED


def test_nothing_follows_when_no_leads_are_left(ledger: Ledger, kickoff: Kickoff, settle: Settle) -> None:
    make_client(ledger)
    make_leads(ledger, count=2)
    kickoff(Order(CLIENT_ID))
    harvested(ledger, batches(ledger)[0])
    settle(FULL_ID)
    assert (len(batches(ledger)), record(ledger).status) == (1, COMPLETED)


def test_nothing_follows_explicit_profiles(ledger: Ledger, kickoff: Kickoff, settle: Settle) -> None:
    make_client(ledger)
    make_leads(ledger, count=9)
    kickoff(Order(CLIENT_ID, target_urls=["https://www.linkedin.com/in/x"]))
    harvested(ledger, batches(ledger)[0])
    settle(FULL_ID)
    assert (len(batches(ledger)), record(ledger).status) == (1, COMPLETED)


def test_nothing_follows_a_batch_that_was_given_up(ledger: Ledger, kickoff: Kickoff, settle: Settle) -> None:
    make_client(ledger)
    make_leads(ledger, count=9)
    kickoff(Order(CLIENT_ID))
    end_run(
        ledger, batches(ledger)[0], ActorRunState.FAILED, now=NOW, error_code="refused", error="no credit"
    )
    settle(FULL_ID)
    assert (len(batches(ledger)), record(ledger).status) == (1, FAILED)


def test_nothing_follows_when_the_client_is_gone(ledger: Ledger, kickoff: Kickoff, settle: Settle) -> None:
    make_client(ledger)
    make_leads(ledger, count=9)
    kickoff(Order(CLIENT_ID))
    harvested(ledger, batches(ledger)[0])
    with ledger.write() as tx:
        tx.execute(tables.clients.delete())
        assert clients.get(tx, CLIENT_ID) is None
    settle(FULL_ID)
    assert (len(batches(ledger)), record(ledger).status) == (1, COMPLETED)


@pytest.mark.parametrize(
    "state",
    [state for state in ActorRunState if state not in (ActorRunState.INGESTED, ActorRunState.FAILED)],
)
def test_an_open_actor_run_keeps_a_client_run_open(
    ledger: Ledger, settle: Settle, state: ActorRunState
) -> None:
    make_client(ledger)
    first, second = make_run(ledger, [[lead] for lead in make_leads(ledger, count=2)])
    harvested(ledger, first)
    end_run(ledger, second, state, now=NOW)
    before = record(ledger)
    settle(FULL_ID)
    assert record(ledger) == before
    assert due(ledger, settle) == []


ENDS: dict[str, dict[str, Any]] = {
    "good": {"posts_found": 1},
    "empty": {"posts_found": 0},
    "aborted": {"posts_found": 1, "error_code": "actor_run_aborted", "error": "the actor run ended ABORTED"},
    "nothing": {"posts_found": 0, "error_code": "actor_run_failed", "error": "the actor run ended FAILED"},
    "given up": {"state": ActorRunState.FAILED, "error_code": "refused", "error": "no credit"},
}


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["good"], COMPLETED),
        (["good", "empty"], COMPLETED),
        (["empty"], COMPLETED),
        (["aborted"], WITH_ERRORS),
        (["good", "nothing"], WITH_ERRORS),
        (["aborted", "given up"], WITH_ERRORS),
        (["empty", "given up"], WITH_ERRORS),
        (["nothing"], FAILED),
        (["nothing", "given up"], FAILED),
    ],
)
def test_the_verdict_says_how_the_actor_runs_ended(
    ledger: Ledger, settle: Settle, clock: FakeClock, ends: list[str], status: ClientRunStatus
) -> None:
    make_client(ledger)
    runs = make_run(ledger, [[lead] for lead in make_leads(ledger, count=len(ends))])
    for run, end in zip(runs, ends, strict=True):
        harvested(ledger, run, **ENDS[end])
    assert due(ledger, settle) == [FULL_ID]
    end_time = clock.advance(minutes=9)
    settle(FULL_ID)
    found = record(ledger)
    assert (found.status, found.finished_at) == (status, end_time)
    reasons = {ENDS[end]["error"] for end in ends if "error" in ENDS[end]}
    assert all(reason in found.system_notes for reason in reasons)
    assert found.metrics.actor_runs == len(ends)
    assert (job(ledger).status, job(ledger).finished_at) == (status, end_time)
    assert due(ledger, settle) == []


def test_a_client_run_without_due_leads_is_completed(
    ledger: Ledger, kickoff: Kickoff, settle: Settle
) -> None:
    make_client(ledger)
    kickoff(Order(CLIENT_ID))
    assert due(ledger, settle) == [FULL_ID]
    settle(FULL_ID)
    assert record(ledger).status is COMPLETED
    assert "no leads were due" in record(ledger).system_notes
    assert job(ledger).status is COMPLETED


def test_settling_again_changes_nothing(
    ledger: Ledger, kickoff: Kickoff, settle: Settle, clock: FakeClock
) -> None:
    make_client(ledger)
    kickoff(Order(CLIENT_ID))
    settle(FULL_ID)
    before = record(ledger), job(ledger)
    clock.advance(days=1)
    settle(FULL_ID)
    settle("261122-050000-Nobody")
    assert (record(ledger), job(ledger)) == before


def test_a_record_made_by_hand_of_which_nothing_comes_fails_in_the_end(
    ledger: Ledger, settle: Settle, clock: FakeClock
) -> None:
    make_client(ledger)
    make_run(ledger, [], source="manual")
    clock.advance(hours=23)
    assert due(ledger, settle) == []
    clock.advance(hours=1)
    assert due(ledger, settle) == [FULL_ID]
    settle(FULL_ID)
    assert record(ledger).status == "Failed"
    assert "no actor run came of it" in record(ledger).system_notes


def test_a_record_made_by_hand_runs_until_a_person_or_its_actor_runs_end_it(
    ledger: Ledger, settle: Settle
) -> None:
    make_client(ledger)
    make_run(ledger, [], source="manual")
    settle(FULL_ID)
    assert record(ledger).status == "Running"
    (lead,) = make_leads(ledger)
    with ledger.write() as tx:
        new_actor_runs.plan(
            tx,
            [lead],
            marker="backfill",
            client_run_id=FULL_ID,
            client_id=CLIENT_ID,
            batch=1,
            actor_id="a/b",
            max_posts=2,
            now=NOW,
        )
    harvested(ledger, batches(ledger)[0], posts_found=1)
    settle(FULL_ID)
    assert record(ledger).status is COMPLETED


def test_of_many_that_settle_at_once_one_plans_what_follows(
    ledger: Ledger, kickoff: Kickoff, settle: Settle
) -> None:
    make_client(ledger)
    make_leads(ledger, count=30)
    kickoff(Order(CLIENT_ID))
    harvested(ledger, batches(ledger)[0], posts_found=1)
    at_once([partial(settle, FULL_ID)] * 6)
    assert [run.batch for run in batches(ledger)] == [1, 2]
