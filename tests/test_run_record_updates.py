"""The client run record after its creation: read, recounted, ended, and never made anew by any of these."""

from __future__ import annotations

import logging
import threading

import pytest
from factories import CLIENT_ID, NOW, FakeClock, end_run, found, make_client, make_leads, make_post, make_run
from records import FULL_ID, all_records, create, delete, get, log_of, logged

from harvester.ledger import Ledger, posts
from harvester.models import ClientRunStatus, Metrics
from services import run_records

MISSING = [
    (logging.ERROR, f"ERROR: Client run record not found for {FULL_ID} ({CLIENT_ID})"),
    (logging.ERROR, "This indicates a process kickoff issue - run record should exist"),
]


def test_looking_never_creates(ledger: Ledger, lines: pytest.LogCaptureFixture) -> None:
    assert get(ledger) is None
    assert logged(lines) == []
    with ledger.write() as tx:
        assert run_records.require(tx, FULL_ID, CLIENT_ID) is None
    assert logged(lines) == MISSING
    assert all_records(ledger) == []


def test_updating_what_is_missing_says_so_in_these_words_and_creates_nothing(
    ledger: Ledger, lines: pytest.LogCaptureFixture
) -> None:
    make_client(ledger)
    make_run(ledger, [make_leads(ledger)])
    delete(ledger)
    lines.clear()
    with ledger.write() as tx:
        assert not run_records.update(tx, FULL_ID, CLIENT_ID, source="ingest", now=NOW, last_webhook_at=NOW)
    assert logged(lines) == MISSING
    assert all_records(ledger) == []
    assert log_of(ledger)[-1] == ("update", "ingest", False)


def test_completing_what_is_missing_says_so_and_creates_nothing(
    ledger: Ledger, lines: pytest.LogCaptureFixture
) -> None:
    record = create(ledger)
    delete(ledger)
    lines.clear()
    with ledger.write() as tx:
        assert not run_records.complete(
            tx, record, ClientRunStatus.COMPLETED, source="settle", note="done", now=NOW
        )
    assert logged(lines) == MISSING
    assert all_records(ledger) == []


def test_an_update_recounts_and_repeating_it_changes_nothing(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger)
    leads = make_leads(ledger, count=2)
    runs = make_run(ledger, [[leads[0]], [leads[1]]])
    for run, lead in zip(runs, leads, strict=True):
        with ledger.write() as tx:
            posts.store(
                tx, run, [found(make_post("same"), lead), found(make_post(str(run.id)), lead)], now=NOW
            )
        end_run(ledger, run, now=NOW, cost_micros=3_000)
    for _ in range(3):
        with ledger.write() as tx:
            assert run_records.update(
                tx, FULL_ID, CLIENT_ID, source="ingest", now=clock.advance(minutes=1), last_webhook_at=NOW
            )
    record = get(ledger)
    assert record is not None
    assert record.last_webhook_at == NOW
    assert record.metrics == Metrics(
        profiles_submitted=2, posts_harvested=3, posts_new=3, cost_micros=6_000, actor_runs=2
    )
    assert log_of(ledger) == [("create", "orchestrator", True)] + [("update", "ingest", True)] * 3


def test_the_later_of_two_updates_at_once_counts_what_the_earlier_stored(postgres_ledger: Ledger) -> None:
    make_client(postgres_ledger)
    leads = make_leads(postgres_ledger, count=2)
    runs = make_run(postgres_ledger, [[leads[0]], [leads[1]]])

    def ingest(number: int) -> None:
        with postgres_ledger.write() as tx:
            posts.store(tx, runs[number], [found(make_post(str(number)), leads[number])], now=NOW)
            run_records.update(tx, FULL_ID, CLIENT_ID, source="ingest", now=NOW)

    later = threading.Thread(target=ingest, args=(1,))
    with postgres_ledger.write() as tx:
        posts.store(tx, runs[0], [found(make_post("0"), leads[0])], now=NOW)
        run_records.update(tx, FULL_ID, CLIENT_ID, source="ingest", now=NOW)
        later.start()
        later.join(0.2)
        assert later.is_alive(), "the later update waited for nothing"
    later.join()
    record = get(postgres_ledger)
    assert record is not None
    assert record.metrics.posts_harvested == 2


def test_a_record_is_completed_once(
    ledger: Ledger, lines: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    record = create(ledger)
    lines.clear()
    with ledger.write() as tx:
        end = clock.advance(minutes=9)
        assert run_records.complete(
            tx, record, ClientRunStatus.COMPLETED, source="settle", note="all went well", now=end
        )
        assert logged(lines) == []
    assert logged(lines) == [(logging.INFO, f"Client run {FULL_ID} ended: Completed")]
    with ledger.write() as tx:
        assert not run_records.complete(
            tx, record, ClientRunStatus.FAILED, source="settle", note="late", now=clock.advance(minutes=1)
        )
    after = get(ledger)
    assert after is not None
    assert (after.status, after.finished_at) == (ClientRunStatus.COMPLETED, end)
    assert after.system_notes.splitlines() == [record.system_notes, "[2026-11-22T05:09:00Z] all went well"]
    assert [line for line in log_of(ledger) if line[0] == "complete"] == [("complete", "settle", True)]
