"""The client run record: created in one place, once, on authority; never by looking or by updating."""

from __future__ import annotations

import logging

import pytest
from factories import CLIENT_ID, NOW, RUN_ID
from records import FULL_ID, all_records, create, creations, get, log_of, logged
from simultaneous import at_once

from harvester.errors import InvalidInput, InvalidRunId
from harvester.ledger import Ledger, job_runs
from harvester.models import ClientRunStatus, Metrics
from services import run_records
from services.run_records import AlreadyExists, ClientBusy

AUTHORISED = ["orchestrator", "master_process", "smart_resume_workflow", "batch_process", "manual"]


@pytest.mark.parametrize("source", AUTHORISED)
def test_authorised_sources_create(ledger: Ledger, source: str, lines: pytest.LogCaptureFixture) -> None:
    record = create(ledger, source=source, target_posts=5, max_batches=3)
    assert record == get(ledger)
    assert (record.client_run_id, record.run_id, record.client_id) == (FULL_ID, RUN_ID, CLIENT_ID)
    assert (record.status, record.metrics, record.finished_at) == (ClientRunStatus.RUNNING, Metrics(), None)
    assert "2026-11-22T05:00:00Z" in record.system_notes
    assert source in record.system_notes
    assert log_of(ledger) == [("create", source, True)]
    assert creations(ledger) == (1, 0)
    assert logged(lines) == [
        (logging.INFO, f"Creating client run record for {FULL_ID}"),
        (logging.INFO, f"Successfully created client run record for {FULL_ID}"),
    ]
    with ledger.read() as tx:
        job = job_runs.get(tx, RUN_ID)
    assert job is not None
    assert (job.source, job.status) == (source, ClientRunStatus.RUNNING)


@pytest.mark.parametrize(
    "source",
    ["webhook", "ingest", "settle", "batchScorer_process", "", "Orchestrator", "orchestrator ", "manual\n"],
)
def test_any_other_source_is_refused_and_creates_nothing(
    ledger: Ledger, source: str, lines: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidInput) as caught:
        create(ledger, source=source)
    assert caught.value.code == "invalid_source"
    assert all_records(ledger) == []
    assert logged(lines) == []


def test_the_authorised_sources_are_these() -> None:
    assert sorted(run_records.AUTHORISED_SOURCES) == sorted(AUTHORISED)
    assert "manual" not in run_records.KICKOFF_SOURCES


def test_a_second_creation_says_so_and_leaves_the_first(
    ledger: Ledger, lines: pytest.LogCaptureFixture
) -> None:
    first = create(ledger)
    lines.clear()
    with pytest.raises(AlreadyExists, match=f"{FULL_ID} already exists") as caught:
        create(ledger, client_name="Somebody else", source="manual")
    assert caught.value.found == first
    assert all_records(ledger) == [first]
    assert logged(lines) == [
        (logging.INFO, f"Creating client run record for {FULL_ID}"),
        (logging.WARNING, f"Client run record already exists for {FULL_ID}"),
    ]


def test_a_record_that_is_over_exists_all_the_same(ledger: Ledger) -> None:
    first = create(ledger)
    with ledger.write() as tx:
        assert run_records.complete(
            tx, first, ClientRunStatus.COMPLETED, source="settle", note="done", now=NOW
        )
    with pytest.raises(AlreadyExists):
        create(ledger)
    assert len(all_records(ledger)) == 1


def test_a_client_has_one_live_record(ledger: Ledger) -> None:
    first = create(ledger)
    with pytest.raises(ClientBusy) as caught:
        create(ledger, run_id="261122-050001")
    assert caught.value.live == first
    assert all_records(ledger) == [first]
    assert create(ledger, client_id="Wilson").run_id == RUN_ID


def test_of_many_creations_at_once_one_wins(ledger: Ledger) -> None:
    def outcome() -> str:
        try:
            create(ledger)
        except AlreadyExists:
            return "exists"
        return "created"

    assert sorted(at_once([outcome] * 8)) == ["created"] + ["exists"] * 7
    assert len(all_records(ledger)) == 1
    assert creations(ledger) == (1, 0)


def test_what_rolls_back_was_never_successful(ledger: Ledger, lines: pytest.LogCaptureFixture) -> None:
    def create_and_fail() -> None:
        with ledger.write() as tx:
            run_records.create(
                tx, run_id=RUN_ID, client_id=CLIENT_ID, client_name="Guy", source="orchestrator", now=NOW
            )
            raise RuntimeError("what came after the creation failed")

    with pytest.raises(RuntimeError, match="what came after"):
        create_and_fail()
    assert all_records(ledger) == []
    assert creations(ledger) == (0, 0)
    assert logged(lines) == [(logging.INFO, f"Creating client run record for {FULL_ID}")]


def test_the_success_line_comes_after_the_commit(ledger: Ledger, lines: pytest.LogCaptureFixture) -> None:
    with ledger.write() as tx:
        run_records.create(
            tx, run_id=RUN_ID, client_id=CLIENT_ID, client_name="Guy", source="orchestrator", now=NOW
        )
        assert not any("Successfully" in message for _, message in logged(lines))
    assert logged(lines)[-1] == (logging.INFO, f"Successfully created client run record for {FULL_ID}")


def test_a_full_id_of_the_client_is_as_good_as_its_base(ledger: Ledger) -> None:
    record = create(ledger, run_id=FULL_ID)
    assert (record.client_run_id, record.run_id) == (FULL_ID, RUN_ID)
    with ledger.read() as tx:
        assert job_runs.get(tx, RUN_ID) is not None


@pytest.mark.parametrize("run_id", [f"{RUN_ID}-Other", "SR-250922-001", "261341-050000", ""])
def test_what_is_no_run_id_of_the_client_is_refused(ledger: Ledger, run_id: str) -> None:
    with pytest.raises(InvalidRunId):
        create(ledger, run_id=run_id)
    assert all_records(ledger) == []


def test_a_failed_creation_is_counted_and_logged(ledger: Ledger, lines: pytest.LogCaptureFixture) -> None:
    with ledger.write() as tx:
        run_records.creation_failed(
            tx, run_id=RUN_ID, client_id=CLIENT_ID, source="orchestrator", reason="run_exists", now=NOW
        )
        run_records.creation_failed(
            tx, run_id=None, client_id=CLIENT_ID, source="orchestrator", reason="run_in_progress", now=NOW
        )
    assert creations(ledger) == (0, 2)
    assert log_of(ledger) == [("create", "orchestrator", False)]
    assert all_records(ledger) == []
    assert [level for level, _ in logged(lines)] == [logging.ERROR, logging.ERROR]
