"""The client run record: created in one place, once, on authority; never by looking or by updating."""

from __future__ import annotations

import ast
import logging
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from factories import (
    CLIENT_ID,
    NOW,
    RUN_ID,
    FakeClock,
    end_run,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
)
from simultaneous import at_once

from harvester.errors import InvalidInput, InvalidRunId
from harvester.ledger import Ledger, activity, client_runs, job_runs, posts, tables
from harvester.models import ClientRun, ClientRunStatus, Metrics
from services import run_records
from services.run_records import AlreadyExists, ClientBusy

ROOT = Path(__file__).parent.parent
FULL_ID = f"{RUN_ID}-{CLIENT_ID}"
MISSING = [
    (logging.ERROR, f"ERROR: Client run record not found for {FULL_ID} ({CLIENT_ID})"),
    (logging.ERROR, "This indicates a process kickoff issue - run record should exist"),
]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, from INFO on."""
    with caplog.at_level(logging.INFO):
        yield caplog


def logged(lines: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [(level, message) for _, level, message in lines.record_tuples]


def create(ledger: Ledger, **changes: Any) -> ClientRun:
    values: dict[str, Any] = {
        "run_id": RUN_ID,
        "client_id": CLIENT_ID,
        "client_name": "Guy Wilson",
        "source": "orchestrator",
        "now": NOW,
        **changes,
    }
    with ledger.write() as tx:
        return run_records.create(tx, **values)


def get(ledger: Ledger, full_id: str = FULL_ID) -> ClientRun | None:
    with ledger.read() as tx:
        return run_records.get(tx, full_id)


def all_records(ledger: Ledger) -> list[ClientRun]:
    with ledger.read() as tx:
        return client_runs.page(tx, limit=100)[0]


def delete(ledger: Ledger, full_id: str = FULL_ID) -> None:
    """Do what a person may: delete the record."""
    with ledger.write() as tx:
        tx.execute(tables.client_runs.delete().where(tables.client_runs.c.client_run_id == full_id))


def log_of(ledger: Ledger, full_id: str = FULL_ID) -> list[tuple[str, str | None, bool]]:
    with ledger.read() as tx:
        lines = activity.of_client_run(tx, full_id, limit=100)
    return [(line["operation"], line["source"], line["ok"]) for line in lines]


def creations(ledger: Ledger) -> tuple[int, int]:
    with ledger.read() as tx:
        return activity.count(tx, "create")


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


@cache
def product_files() -> list[tuple[str, ast.Module]]:
    folders = [ROOT / name for name in ("harvester", "services", "routes", "scripts")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return [(file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))) for file in files]


def users_of(module: str, function: str) -> set[str]:
    """Name the files that reach `module.function` in any way: as an attribute, or imported by name."""
    found: set[str] = set()
    for path, tree in product_files():
        aliases = {module}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                aliases |= {name.asname for name in node.names if name.asname and name.name.endswith(module)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(module):
                found |= {path for name in node.names if name.name in (function, "*")}
            if isinstance(node, ast.Attribute) and node.attr == function:
                owner = (
                    node.value.attr
                    if isinstance(node.value, ast.Attribute)
                    else getattr(node.value, "id", "")
                )
                found |= {path} if owner in aliases else set()
    return found


def test_only_kickoff_and_the_manual_script_create_records() -> None:
    users = users_of("run_records", "create")
    assert "services/kickoff.py" in users
    assert users <= {"services/kickoff.py", "scripts/create_run_record.py"}


def test_only_run_records_reserves_client_runs() -> None:
    assert users_of("client_runs", "reserve") == {"services/run_records.py"}


def test_only_the_ledger_inserts_into_the_table() -> None:
    """No statement elsewhere names the table; within the ledger, only `client_runs.reserve` inserts."""
    inserts = {
        path
        for path, tree in product_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", ""))
        in ("insert", "upsert", "insert_unless_there")
        and any(isinstance(arg, ast.Name) and arg.id == "client_runs" for arg in node.args)
    }
    assert inserts == {"harvester/ledger/client_runs.py"}
