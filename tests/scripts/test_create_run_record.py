"""The script that creates a client run record by hand: what it does, what it refuses, and its exit codes."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.processes import environment, processes_in
from factories import make_client, make_leads, opened

from harvester.ledger import Ledger, activity, client_runs, job_runs
from harvester.models import ClientRun, ClientRunStatus, Metrics
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_row, master_base
from services import run_records

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "create_run_record.py"
FULL_ID = "261122-050000-Guy-Wilson"
ASKED = ("--run-id", "261122-050000", "--client-id", "Guy-Wilson")

Script = Callable[..., str]


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    with opened(sqlite_url) as found:
        yield found


@pytest.fixture
def script(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Script:
    """Run the script in this process, from a folder of its own, and give all that it printed."""
    monkeypatch.chdir(tmp_path)
    for name, value in environment(DATABASE_URL=sqlite_url, LOG_LEVEL="ERROR").items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        assert (code == 0) == (not printed.err), printed
        return printed.out + printed.err

    return run


def record(ledger: Ledger, full_id: str = FULL_ID) -> ClientRun | None:
    with ledger.read() as tx:
        return run_records.get(tx, full_id)


def creations(ledger: Ledger) -> tuple[int, int]:
    with ledger.read() as tx:
        return activity.count(tx, "create")


@pytest.mark.parametrize("run_id", ["261122-050000", FULL_ID])
def test_a_record_is_created_as_kickoff_would(run_id: str, ledger: Ledger, script: Script) -> None:
    make_client(ledger, name="Guy Wilson")
    assert FULL_ID in script("--run-id", run_id, "--client-id", "Guy-Wilson")
    found = record(ledger)
    assert found is not None
    assert (found.client_run_id, found.run_id, found.client_id) == (FULL_ID, "261122-050000", "Guy-Wilson")
    assert (found.client_name, found.source, found.status) == (
        "Guy Wilson",
        "manual",
        ClientRunStatus.RUNNING,
    )
    assert found.metrics == Metrics()
    assert timedelta(0) <= datetime.now(UTC) - found.started_at < timedelta(minutes=1)
    assert "Processing started by manual" in found.system_notes
    assert creations(ledger) == (1, 0)
    with ledger.read() as tx:
        assert job_runs.get(tx, "261122-050000") is not None


def test_a_second_time_it_exists_and_stays_as_it_was(ledger: Ledger, script: Script) -> None:
    make_client(ledger)
    script(*ASKED, "--note", "first")
    before = record(ledger)
    assert "already exists" in script(*ASKED, "--note", "second", code=3)
    assert record(ledger) == before
    assert creations(ledger) == (1, 1)


def test_another_live_client_run_is_a_failure_that_names_it(ledger: Ledger, script: Script) -> None:
    make_client(ledger)
    script(*ASKED)
    printed = script("--run-id", "261122-060000", "--client-id", "Guy-Wilson", code=1)
    assert f"has a live client run, {FULL_ID}" in printed
    assert record(ledger, "261122-060000-Guy-Wilson") is None
    assert creations(ledger) == (1, 1)


def test_an_unknown_client_needs_a_name(ledger: Ledger, script: Script) -> None:
    assert "--client-name" in script(*ASKED, code=2)
    assert record(ledger) is None
    script(*ASKED, "--client-name", " Guy\nWilson ")
    found = record(ledger)
    assert found is not None
    assert found.client_name == "Guy Wilson"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T14:04:05.5+11:00", datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)),
    ],
)
def test_the_start_time_is_kept_in_utc(
    given: str, expected: datetime, ledger: Ledger, script: Script
) -> None:
    make_client(ledger)
    script(*ASKED, "--start-time", given)
    found = record(ledger)
    assert found is not None
    assert found.started_at == expected


def test_a_note_is_kept_on_one_line(ledger: Ledger, script: Script) -> None:
    make_client(ledger)
    script(*ASKED, "--note", "lost in\nthe outage\x1b[31m")
    found = record(ledger)
    assert found is not None
    assert found.system_notes.endswith("Processing started by manual: lost in the outage [31m")


BAD = [
    ((), "required"),
    (ASKED[:2], "required"),
    (("--run-id", "SR-1", *ASKED[2:]), "run ID"),
    (("--run-id", "261122-050000-Other", *ASKED[2:]), "not a run ID of client Guy-Wilson"),
    (("--run-id", "261322-050000", *ASKED[2:]), "no date and time"),
    (("--run-id", "", *ASKED[2:]), "run ID"),
    ((*ASKED[:2], "--client-id", "Guy Wilson"), "no client ID"),
    ((*ASKED, "--start-time", "2026-01-02T03:04:05"), "no time zone"),
    ((*ASKED, "--start-time", "yesterday"), "ISO 8601"),
    ((*ASKED, "--start-time", "0001-01-01T00:00:00+14:00"), "years 1 to 9999"),
    ((*ASKED, "--start-time", "2099-01-01T00:00:00Z"), "future"),
    ((*ASKED, "--note", ""), "--note"),
    ((*ASKED, "--note", "x" * 1_001), "--note"),
    ((*ASKED, "--client-name", "\n"), "--client-name"),
    ((*ASKED, "--status", "Completed"), "unrecognized"),
    ((*ASKED, "--dry"), "unrecognized"),
]


@pytest.mark.parametrize(("arguments", "told"), BAD)
def test_bad_arguments_are_told_and_nothing_is_written(
    arguments: tuple[str, ...], told: str, ledger: Ledger, script: Script
) -> None:
    make_client(ledger)
    printed = script(*arguments, code=2)
    assert told in printed
    assert "\x1b" not in printed
    assert record(ledger) is None
    assert creations(ledger) == (0, 0)


def test_bad_settings_exit_2_too(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKENS", "")
    assert "  API_TOKENS: " in script(*ASKED, code=2)


def test_a_ledger_that_cannot_be_opened_is_a_failure(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:canary@127.0.0.1:9/x")
    assert "canary" not in script(*ASKED, code=1)


def test_a_dry_run_says_what_a_real_one_would_do_and_writes_nothing(ledger: Ledger, script: Script) -> None:
    assert "--client-name" in script(*ASKED, "--dry-run", code=2)
    make_client(ledger, name="Guy Wilson")
    start = ("--start-time", "2026-01-02T03:04:05Z")
    printed = script(*ASKED, *start, "--dry-run")
    assert printed == f"Would create client run record {FULL_ID}: Guy Wilson, started 2026-01-02T03:04:05Z.\n"
    assert record(ledger) is None
    script(*ASKED)
    assert "already exists" in script(*ASKED, "--dry-run", code=3)
    assert "live client run" in script("--run-id", "261122-060000", *ASKED[2:], "--dry-run", code=1)
    assert creations(ledger) == (1, 0)


def test_the_record_is_left_to_a_person_and_its_client_is_busy(ledger: Ledger, script: Script) -> None:
    make_client(ledger)
    make_leads(ledger, count=3)
    script(*ASKED)
    with ledger.read() as tx:
        live = client_runs.live_of(tx, "Guy-Wilson")
    assert live is not None
    assert live.client_run_id == FULL_ID


def test_the_client_may_be_one_that_only_airtable_has_yet(
    ledger: Ledger, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [client_row("Guy-Wilson", "appGuyWilson00000")]
    token = "patAirtableTestToken.0123456789abcdef"
    with SandboxAirtable(token=token, bases=[master_base(clients=rows)]) as sandbox:
        monkeypatch.setenv("AIRTABLE_API_KEY", token)
        monkeypatch.setenv("MASTER_CLIENTS_BASE_ID", MASTER_ID)
        monkeypatch.setenv("AIRTABLE_API_URL", sandbox.url)
        assert "there is no client Ada" in script(*ASKED[:2], "--client-id", "Ada", code=2)
        assert FULL_ID in script(*ASKED)
    assert record(ledger) is not None


def test_output_that_cannot_be_written_is_a_failure(
    ledger: Ledger, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_client(ledger)
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert script(*ASKED, "--dry-run", code=1) == "Error: [Errno 28] No space left on device\n"


@pytest.mark.slow
def test_it_runs_from_any_folder_and_only_one_of_many_at_once_creates(
    ledger_url: str, tmp_path: Path
) -> None:
    environ = environment(DATABASE_URL=ledger_url)
    with opened(ledger_url) as ledger, processes_in(tmp_path) as processes:
        make_client(ledger)
        started = [processes.start(str(SCRIPT), *ASKED, environ=environ) for _ in range(6)]
        codes = sorted(process.wait(60) for process in started)
        logs = "".join(process.output for process in started)
        assert codes == [0, 3, 3, 3, 3, 3], logs
        assert creations(ledger) == (1, 5)
    assert logs.count(f"Successfully created client run record for {FULL_ID}") == 1
    assert logs.count(f"Client run record already exists for {FULL_ID}") == 5
