"""Actor runs: whoever holds a row moves it, whoever lost it changes nothing, and no wake-up is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, end_run, make_client, make_leads, make_run
from simultaneous import at_once
from sqlalchemy.exc import IntegrityError

from harvester.errors import LostLease
from harvester.ledger import Ledger, Tx, actor_runs, usage
from harvester.models import ActorRun, ActorRunState
from ledger.batches import EXPIRED, LEASE, SOON, claim, claimed, due, planned, put, row


def test_a_row_has_one_holder_at_a_time(ledger: Ledger, run: ActorRun) -> None:
    held = claimed(ledger, run.id)
    assert (held.fence, held.lease_until) == (run.fence + 1, NOW + LEASE)
    assert claim(ledger, run.id, owner="two") is None
    assert claim(ledger, run.id, owner="two", now=NOW + LEASE) is None
    later = claimed(ledger, run.id, now=EXPIRED)
    assert later.fence == held.fence + 1


def test_of_many_claims_at_once_one_wins(ledger: Ledger, run: ActorRun) -> None:
    won = at_once([partial(claim, ledger, run.id, owner=f"thread {i}") for i in range(8)])
    assert len([held for held in won if held is not None]) == 1


def test_a_row_that_is_not_due_cannot_be_claimed(ledger: Ledger, run: ActorRun) -> None:
    assert claim(ledger, run.id, now=NOW - timedelta(microseconds=1)) is None
    end_run(ledger, run, now=NOW)
    assert claim(ledger, run.id, now=NOW + timedelta(days=365)) is None


def keeps(tx: Tx, held: ActorRun) -> object:
    return actor_runs.keep(tx, held, until=EXPIRED + LEASE, cursor=99)


def moves(tx: Tx, held: ActorRun) -> object:
    return actor_runs.move(tx, held, ActorRunState.FAILED, now=EXPIRED, next_check_at=None, cursor=99)


def looks(tx: Tx, held: ActorRun) -> object:
    return actor_runs.still_held(tx, held)


@pytest.mark.parametrize("late", [keeps, moves, looks])
def test_whoever_lost_a_row_changes_nothing(
    ledger: Ledger, run: ActorRun, late: Callable[[Tx, ActorRun], object]
) -> None:
    zombie = claimed(ledger, run.id)
    holder = claimed(ledger, run.id, now=EXPIRED)
    before = row(ledger, run.id)
    with pytest.raises(LostLease) as caught, ledger.write() as tx:
        late(tx, zombie)
    assert not caught.value.permanent
    assert row(ledger, run.id) == before
    with ledger.write() as tx:
        late(tx, holder)


def test_a_change_under_an_old_state_is_refused(ledger: Ledger, run: ActorRun) -> None:
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        starting = actor_runs.keep(tx, held, state=ActorRunState.STARTING, attempt=1)
    assert starting.state is ActorRunState.STARTING
    with pytest.raises(LostLease), ledger.write() as tx:
        moves(tx, held)
    with ledger.write() as tx:
        assert actor_runs.still_held(tx, held).state is ActorRunState.STARTING
        moves(tx, starting)


def test_a_move_lets_go_and_says_when_the_row_is_due_again(ledger: Ledger, run: ActorRun) -> None:
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        moved = actor_runs.move(
            tx, held, ActorRunState.RUNNING, now=NOW, next_check_at=SOON, apify_run_id="a", cost_micros=7
        )
    found = row(ledger, run.id)
    assert (moved.state, moved.apify_run_id, moved.cost_micros) == (ActorRunState.RUNNING, "a", 7)
    assert (found.state, found.apify_run_id, found.cost_micros) == (ActorRunState.RUNNING, "a", 7)
    assert (found.next_check_at, found.lease_until) == (SOON, None)
    assert claim(ledger, run.id, now=SOON - timedelta(microseconds=1)) is None
    assert claim(ledger, run.id, now=SOON) is not None


def test_failures_are_counted_in_a_row_and_forgotten_by_success(ledger: Ledger, run: ActorRun) -> None:
    with ledger.write() as tx:
        held = actor_runs.claim(tx, run.id, owner="one", now=NOW, until=NOW + LEASE)
        assert held is not None
        held = actor_runs.move(tx, held, held.state, now=NOW, next_check_at=NOW, failures=3, put_offs=2)
        assert (held.failures, held.put_offs) == (3, 2)
    held = claimed(ledger, run.id)
    assert (held.failures, held.put_offs) == (3, 2)
    with ledger.write() as tx:
        actor_runs.move(tx, held, held.state, now=NOW, next_check_at=NOW)
    assert (row(ledger, run.id).failures, row(ledger, run.id).put_offs) == (0, 0)


@pytest.mark.parametrize("next_check_at", [None, NOW + timedelta(days=1)])
def test_a_row_woken_while_it_is_held_is_due_as_soon_as_it_is_let_go(
    ledger: Ledger, run: ActorRun, next_check_at: datetime | None
) -> None:
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        actor_runs.wake(tx, run.id, now=NOW)
    assert due(ledger) == set()
    with ledger.write() as tx:
        kept = actor_runs.keep(tx, held, cursor=5)
        actor_runs.move(tx, kept, ActorRunState.INGESTED, now=SOON, next_check_at=next_check_at)
    assert row(ledger, run.id).next_check_at == SOON
    assert due(ledger, now=SOON) == {run.id}


def test_a_row_woken_during_a_failed_step_is_due_at_once(ledger: Ledger, run: ActorRun) -> None:
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        actor_runs.wake(tx, run.id, now=NOW)
    with ledger.write() as tx:
        again = actor_runs.still_held(tx, held)
        actor_runs.move(tx, again, again.state, now=NOW, next_check_at=NOW + timedelta(hours=1))
    assert row(ledger, run.id).next_check_at == NOW


def test_a_wake_up_that_was_seen_is_not_seen_twice(ledger: Ledger, run: ActorRun) -> None:
    with ledger.write() as tx:
        actor_runs.wake(tx, run.id, now=NOW)
    held = claimed(ledger, run.id)
    with ledger.write() as tx:
        actor_runs.move(tx, held, held.state, now=NOW, next_check_at=SOON)
    assert row(ledger, run.id).next_check_at == SOON


def test_a_row_that_is_over_can_be_woken(ledger: Ledger, run: ActorRun) -> None:
    end_run(ledger, run, now=NOW)
    assert due(ledger, now=SOON) == set()
    with ledger.write() as tx:
        actor_runs.wake(tx, run.id, now=SOON)
    assert due(ledger, now=SOON) == {run.id}


def test_a_wake_up_that_commits_within_the_movers_transaction_counts(postgres_ledger: Ledger) -> None:
    run = planned(postgres_ledger, 1)[0]
    held = claimed(postgres_ledger, run.id)
    with postgres_ledger.write() as mover:
        assert actor_runs.get(mover, run.id) == held
        with postgres_ledger.write() as waker:
            actor_runs.wake(waker, run.id, now=NOW)
        actor_runs.move(mover, held, ActorRunState.RUNNING, now=NOW, next_check_at=NOW + timedelta(days=1))
    assert due(postgres_ledger) == {run.id}


def test_a_wake_up_that_waits_for_the_movers_transaction_counts(postgres_ledger: Ledger) -> None:
    run = planned(postgres_ledger, 1)[0]
    held = claimed(postgres_ledger, run.id)

    def wake() -> None:
        with postgres_ledger.write() as tx:
            actor_runs.wake(tx, run.id, now=NOW)

    waking = threading.Thread(target=wake)
    with postgres_ledger.write() as mover:
        actor_runs.move(mover, held, ActorRunState.RUNNING, now=NOW, next_check_at=NOW + timedelta(days=1))
        waking.start()
        waking.join(0.2)
        assert waking.is_alive(), "the wake-up waited for nothing"
    waking.join()
    assert due(postgres_ledger) == {run.id}


def test_one_row_per_actor_run_of_apify_and_per_batch(ledger: Ledger) -> None:
    first, second = planned(ledger, 2)
    put(ledger, first, apify_run_id="a")
    for clash in ({"apify_run_id": "a"}, {"batch": first.batch}, {"marker": first.marker}):
        with pytest.raises(IntegrityError):
            put(ledger, second, **clash)


def test_rows_are_found_by_what_names_them(ledger: Ledger) -> None:
    first, second = planned(ledger, 2)
    put(ledger, second, apify_run_id="b")
    with ledger.read() as tx:
        by_marker = actor_runs.by_marker(tx, first.marker)
        by_apify = actor_runs.by_apify_run_id(tx, "b")
        assert actor_runs.by_marker(tx, first.marker.upper()) is None
        assert actor_runs.by_apify_run_id(tx, "B") is None
        assert actor_runs.known_apify_run_ids(tx, ["a", "b", "c"]) == {"b"}
        assert actor_runs.last_batch(tx, first.client_run_id) == 2
        assert actor_runs.last_batch(tx, "no-such-run") == 0
        assert actor_runs.count_by_state(tx) == {"planned": 2}
    assert by_marker is not None
    assert by_marker.id == first.id
    assert by_apify is not None
    assert by_apify.id == second.id


def test_spending_and_batches_are_summed_exactly_per_client_and_from_a_moment_on(ledger: Ledger) -> None:
    mine = planned(ledger, 3)
    make_client(ledger, "Other")
    other = make_run(ledger, [make_leads(ledger, "Other")], client_id="Other", run_id="261122-050001")
    for run, cost, at in [
        (mine[0], 9_007_199_254_740_993, NOW),  # a float has no such number
        (mine[1], 1, NOW + timedelta(microseconds=1)),
        (mine[2], None, NOW),
        (other[0], 5, NOW),
    ]:
        end_run(ledger, run, now=NOW, cost_micros=cost, start_requested_at=at)
    with ledger.read() as tx:
        assert usage.of_client(tx, CLIENT_ID, since=NOW).paid == 9_007_199_254_740_994
        assert usage.of_client(tx, CLIENT_ID, since=NOW + timedelta(microseconds=1)).paid == 1
        assert usage.of_client(tx, "Other", since=NOW).paid == 5
        assert usage.of_client(tx, "nobody", since=NOW).paid == 0
        assert usage.batches_since(tx, CLIENT_ID, since=NOW) == 3
        assert usage.batches_since(tx, CLIENT_ID, since=NOW + timedelta(microseconds=1)) == 0


def test_a_batch_that_was_given_up_before_apify_had_it_is_none_of_the_day(ledger: Ledger) -> None:
    mine = planned(ledger, 4)
    end_run(ledger, mine[0], ActorRunState.FAILED, now=NOW, apify_run_id=None)
    end_run(ledger, mine[1], ActorRunState.FAILED, now=NOW, apify_run_id="WasStarted0000001")
    end_run(ledger, mine[2], ActorRunState.RUNNING, now=NOW)
    with ledger.read() as tx:
        assert usage.batches_since(tx, CLIENT_ID, since=NOW) == 3


def test_a_batch_has_its_leads_as_targets_and_its_run_in_order(ledger: Ledger) -> None:
    make_client(ledger)
    leads = make_leads(ledger, count=5)
    runs = make_run(ledger, [leads[:3], leads[3:]])
    with ledger.read() as tx:
        assert [run.batch for run in actor_runs.of_client_run(tx, f"{RUN_ID}-{CLIENT_ID}")] == [1, 2]
        sent = [actor_runs.targets(tx, run.id) for run in runs]
    assert [run.profiles for run in runs] == [3, 2]
    assert [{target.lead_id: target.target_url for target in batch} for batch in sent] == [
        {lead.id: lead.profile_url for lead in part} for part in (leads[:3], leads[3:])
    ]
