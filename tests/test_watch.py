"""The watch: what nobody would notice otherwise, told once, and over when it is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from factories import CLIENT_ID, NOW, FakeClock, end_run, make_client, make_leads, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from harvester.ledger import Ledger, actor_runs, alerts, job_tables, tables
from harvester.models import ActorRunState, ClientRun, ClientRunStatus
from services import run_records
from services.alerts import harvest_ended
from services.dead_letters import DeadLetters, NotParked, raise_dead_letter
from services.outages import Outages
from services.outcome import CANCELLED
from services.settle import Settle
from services.watch import NOTHING_RAN, Watch

LIMIT = timedelta(hours=26)


def standing(ledger: Ledger, clock: FakeClock) -> list[str]:
    with ledger.read() as tx:
        return sorted(alert.key for alert in alerts.standing(tx, now=clock(), limit=100)[0])


def to_be_told(ledger: Ledger) -> list[str]:
    """Give what is to be told, as if it were told now."""
    with ledger.write() as tx:
        keys = [alert.key for alert in alerts.untold(tx, limit=100)]
        alerts.told(tx, keys, now=NOW)
    return sorted(keys)


def watch(ledger: Ledger, clock: FakeClock) -> Watch:
    return Watch(ledger, clock, nothing_ran=LIMIT)


def run_now(ledger: Ledger, clock: FakeClock, run_id: str) -> None:
    with ledger.write() as tx:
        tx.execute(delete(tables.client_runs))
    make_run(ledger, [], run_id=run_id, now=clock())


def test_somebody_is_told_once_when_nothing_ran_until_something_runs(
    ledger: Ledger, clock: FakeClock
) -> None:
    look = watch(ledger, clock)
    make_client(ledger)
    for hours, told in ((25.9, []), (0.1, [NOTHING_RAN]), (200, [])):
        clock.advance(hours=hours)
        look()
        assert to_be_told(ledger) == told
    assert standing(ledger, clock) == [NOTHING_RAN]
    run_now(ledger, clock, "261201-050000")
    look()
    assert standing(ledger, clock) == []
    clock.advance(hours=26)
    look()
    assert to_be_told(ledger) == [NOTHING_RAN]


def paused(scope: str) -> Callable[[Ledger, FakeClock], None]:
    def pause(ledger: Ledger, clock: FakeClock) -> None:
        with ledger.write() as tx:
            row = {"scope": scope, "since": clock(), "reason": "a test", "paused_by": "test"}
            tx.execute(job_tables.pauses.insert().values(**row))

    return pause


def changed(**values: object) -> Callable[[Ledger, FakeClock], None]:
    def change(ledger: Ledger, _clock: FakeClock) -> None:
        with ledger.write() as tx:
            tx.execute(update(tables.clients).values(**values))

    return change


@pytest.mark.parametrize(
    "held_back",
    [
        paused("*"),
        paused(CLIENT_ID),
        changed(status="Paused"),
        changed(service_level=1),
        changed(daily_target=0),
        changed(airtable_error="its base is gone"),
    ],
)
def test_nobody_is_told_while_nobody_is_to_be_harvested_and_then_it_counts_anew(
    ledger: Ledger, clock: FakeClock, held_back: Callable[[Ledger, FakeClock], None]
) -> None:
    look = watch(ledger, clock)
    before = make_client(ledger)
    held_back(ledger, clock)
    clock.advance(hours=100)
    look()
    with ledger.write() as tx:
        tx.execute(delete(job_tables.pauses))
        tx.execute(delete(tables.clients))
    make_client(ledger, **{name: getattr(before, name) for name in ("status", "created_at")})
    clock.advance(hours=25)
    look()
    assert to_be_told(ledger) == []
    clock.advance(hours=1)
    look()
    assert to_be_told(ledger) == [NOTHING_RAN]


def test_a_look_that_finds_all_as_it_was_writes_nothing(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger)
    look = watch(ledger, clock)
    clock.advance(hours=30)
    look()
    ledger.write = None  # type: ignore[method-assign, assignment]  # whoever writes now fails
    look()


_numbers = itertools.count(1)
ENDS = [one for one in ClientRunStatus if one is not ClientRunStatus.RUNNING]


@on_one_ledger
@given(ends=st.lists(st.tuples(st.sampled_from(ENDS), st.booleans()), max_size=8))
def test_a_client_whose_harvests_fail_is_told_of_once_until_one_ends_well(
    ledger: Ledger, ends: list[tuple[ClientRunStatus, bool]]
) -> None:
    """What a person has cancelled changes nothing, either way, nor does what is no word."""
    clock, client_id = FakeClock(), f"client-{next(_numbers)}"
    key, expected, stands = f"client {client_id} failed", 0, False
    told = 0
    run = _record(ledger, client_id)
    for end, is_word in ends:
        clock.advance(days=2)
        with ledger.write() as tx:
            harvest_ended(tx, run, end, "its actor run was refused", clock(), is_word=is_word)
        told += to_be_told(ledger).count(key)
        if not is_word:
            pass
        elif end in (ClientRunStatus.FAILED, ClientRunStatus.COMPLETED_WITH_ERRORS):
            expected += not stands
            stands = True
        elif end is ClientRunStatus.COMPLETED:
            stands = False
        assert (key in standing(ledger, clock)) == stands
        assert told == expected


def _record(ledger: Ledger, client_id: str) -> ClientRun:
    with ledger.write() as tx:
        return run_records.create(
            tx,
            run_id="261122-050000",
            client_id=client_id,
            client_name=client_id,
            source="orchestrator",
            now=NOW,
        )


def test_a_long_outage_is_told_once_and_is_over_when_apify_answers(ledger: Ledger, clock: FakeClock) -> None:
    outages = Outages(ledger, clock, first_wait=timedelta(seconds=1), trial=timedelta(seconds=30))
    for _ in range(2):
        outages.failed("Apify answered 503", tried=False)
        outages.failed("Apify answered 503", tried=False)
        clock.advance(minutes=9, seconds=59)
        outages.failed("Apify answered 503", tried=True)
        assert to_be_told(ledger) == []
        for _ in range(3):
            clock.advance(seconds=1)
            outages.failed("Apify answered 503", tried=True)
        assert to_be_told(ledger) == ["apify outage"]
        outages.worked(tried=True)
        assert standing(ledger, clock) == []
        clock.advance(hours=1)


def parked_row(ledger: Ledger, now: datetime) -> int:
    make_client(ledger)
    (run,) = make_run(ledger, [make_leads(ledger)])
    ended = end_run(
        ledger, run, ActorRunState.FAILED, now=now, parked_at=now, parked_error="its dataset is damaged"
    )
    with ledger.write() as tx:
        raise_dead_letter(tx, ended, "its dataset is damaged", now=now)
    return run.id


@pytest.mark.parametrize("decide", [DeadLetters.replay, DeadLetters.discard])
def test_a_dead_letter_is_over_when_a_person_decides(
    ledger: Ledger, clock: FakeClock, decide: Callable[[DeadLetters, int], object]
) -> None:
    row_id = parked_row(ledger, clock())
    assert standing(ledger, clock) == [f"dead letter {row_id}"]
    letters = DeadLetters(ledger, clock)
    with pytest.raises(NotParked):
        decide(letters, row_id + 1)
    clock.advance(days=30)
    assert standing(ledger, clock) == [f"dead letter {row_id}"]
    decide(letters, row_id)
    assert standing(ledger, clock) == []


def test_a_dead_letter_that_a_webhook_revives_is_over(ledger: Ledger, clock: FakeClock) -> None:
    row_id = parked_row(ledger, clock())
    look = watch(ledger, clock)
    look()
    assert standing(ledger, clock) == [f"dead letter {row_id}"]
    with ledger.write() as tx:
        actor_runs.wake(tx, row_id, now=clock())
        held = actor_runs.claim(tx, row_id, owner="test", now=clock(), until=clock.advance(seconds=25))
        assert held is not None
        actor_runs.move(tx, held, ActorRunState.RUNNING, now=clock(), next_check_at=None)
    look()
    assert standing(ledger, clock) == []


def test_a_record_that_is_missing_is_told_of_once_a_day_and_one_not_made_until_it_is(
    ledger: Ledger, clock: FakeClock
) -> None:
    full_id = "261122-050000-Guy-Wilson"
    for _ in range(3):
        with ledger.write() as tx:
            run_records.update(tx, full_id, CLIENT_ID, source="ingest", now=clock())
    assert to_be_told(ledger) == [f"record {full_id} missing"]
    for reason in ("run_exists", "run_in_progress", "the disk is full", "the disk is full"):
        with ledger.write() as tx:
            run_records.creation_failed(
                tx, run_id=None, client_id=CLIENT_ID, source="orchestrator", reason=reason, now=clock()
            )
    assert to_be_told(ledger) == ["record of Guy-Wilson not created"]
    _record(ledger, CLIENT_ID)
    assert standing(ledger, clock) == [f"record {full_id} missing"]


def test_what_was_over_for_long_is_forgotten(ledger: Ledger, clock: FakeClock) -> None:
    parked_row(ledger, clock())
    with ledger.write() as tx:
        run_records.update(tx, "261122-050000-Gone", "Gone", source="ingest", now=clock())
    to_be_told(ledger)
    clock.advance(days=92)
    watch(ledger, clock)()
    with ledger.read() as tx:
        kept = [alert.key for alert in alerts.latest(tx, limit=10)]
    assert [key.split()[0] for key in kept] == ["nothing", "dead"]


@pytest.mark.parametrize(
    ("state", "error", "told"),
    [
        (ActorRunState.FAILED, "memory_exceeded", ["client Guy-Wilson failed"]),
        (ActorRunState.FAILED, CANCELLED, []),
        (ActorRunState.INGESTED, None, []),
    ],
)
def test_the_end_of_a_client_run_is_told_if_it_was_not_well(
    ledger: Ledger, clock: FakeClock, settle: Settle, state: ActorRunState, error: str | None, told: list[str]
) -> None:
    make_client(ledger)
    (run,) = make_run(ledger, [make_leads(ledger)])
    if error == CANCELLED:
        with ledger.write() as tx:
            tx.execute(update(tables.client_runs).values(cancel_requested_at=clock()))
    end_run(ledger, run, state, now=clock(), error_code=error, error=error)
    settle(run.client_run_id)
    settle(run.client_run_id)
    assert to_be_told(ledger) == told
    assert standing(ledger, clock) == told
