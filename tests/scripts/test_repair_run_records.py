"""The script that repairs run records in Airtable: what it proposes, what it does, and its exit codes."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.processes import environment
from consistency_stage import TOKEN, harvest, opened_agency, sandbox_of_agency
from factories import opened

from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "repair_run_records.py"
JOBS, RUNS = "Job Tracking", "Client Run Results"

Script = Callable[..., str]


@pytest.fixture
def sandbox() -> Iterator[SandboxAirtable]:
    with sandbox_of_agency() as running:
        yield running


@pytest.fixture
def script(
    sandbox: SandboxAirtable,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Script:
    """Run the script in this process, from a folder of its own, and give all that it printed."""
    monkeypatch.chdir(tmp_path)
    airtable = {
        "AIRTABLE_API_KEY": TOKEN,
        "MASTER_CLIENTS_BASE_ID": MASTER_ID,
        "AIRTABLE_API_URL": sandbox.url,
        "AIRTABLE_BASE_INTERVAL_SECONDS": "0.001",
        "AIRTABLE_TOKEN_INTERVAL_SECONDS": "0.001",
    }
    for name, value in environment(DATABASE_URL=sqlite_url, LOG_LEVEL="ERROR", **airtable).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
        printed = capsys.readouterr()
        assert ended.value.code == code, printed
        assert TOKEN not in printed.out + printed.err
        return printed.out + printed.err

    return run


def rows(sandbox: SandboxAirtable, table: str) -> dict[str, dict[str, Any]]:
    return {row["id"]: row["fields"] for row in sandbox.records(MASTER_ID, table)}


def run_of(sandbox: SandboxAirtable, run_id: str) -> str:
    return sandbox.add(MASTER_ID, RUNS, {"Run ID": run_id, "Client ID": "Ada", "Status": "Completed"})


def job_of(sandbox: SandboxAirtable, start: str | None, **more: Any) -> str:
    return sandbox.add(MASTER_ID, JOBS, {"Status": "Running", "Start Time": start, **more})


def test_with_nothing_to_repair_it_says_so(script: Script, sandbox: SandboxAirtable) -> None:
    run_of(sandbox, "251006-225513-Ada")
    job_of(sandbox, None, **{"Run ID": "251006-225513"})
    assert script() == "Nothing was found.\n"
    assert orjson.loads(script("--json")) == {
        "applied": False,
        "found": 0,
        "repaired": 0,
        "rows": [],
        "error": None,
    }


def test_it_reports_every_row_that_it_would_touch_and_touches_none(
    script: Script, sandbox: SandboxAirtable
) -> None:
    damaged = damage(sandbox)
    before = rows(sandbox, JOBS) | rows(sandbox, RUNS)
    told = script(code=3)
    found = orjson.loads(script("--json", code=3))["rows"]
    assert rows(sandbox, JOBS) | rows(sandbox, RUNS) == before
    assert {row["recordId"]: (row["what"], row["runId"]) for row in found} == damaged
    assert all(record_id in told for record_id in damaged)
    assert told.endswith("8 rows found, and none touched. Repair with --apply.\n")


def damage(sandbox: SandboxAirtable) -> dict[str, tuple[str, str | None]]:
    """Leave rows that need repair; gives what is to be proposed for each."""
    for run_id in ("251006-225513-Ada", "251007-010000-Ada", "251007-010030-Bo", "251008-000000-Ada"):
        run_of(sandbox, run_id)
    expected: dict[str, tuple[str, str | None]] = {
        job_of(sandbox, "2025-10-06T22:55:14.000Z"): ("set_run_id", "251006-225513"),
        job_of(sandbox, "2025-10-07T01:00:10.000Z"): ("mark_failed", None),  # two client runs began there
        job_of(sandbox, "2025-10-08T00:00:01.000Z"): ("mark_failed", None),  # two records for one client run
        job_of(sandbox, "2025-10-08T00:00:02.000Z"): ("mark_failed", None),
        job_of(sandbox, "2025-10-09T00:00:00.000Z"): ("mark_failed", None),
        job_of(sandbox, None): ("mark_failed", None),
    }
    kept = run_of(sandbox, "251001-000000-Ada")
    copies = [run_of(sandbox, "251001-000000-Ada") for _ in range(2)]
    *_, first = sorted([kept, *copies], key=lambda one: (created(sandbox, one), one), reverse=True)
    return expected | {
        one: ("mark_duplicate", "251001-000000-Ada") for one in [kept, *copies] if one != first
    }


def created(sandbox: SandboxAirtable, record_id: str) -> str:
    return next(str(row["createdTime"]) for row in sandbox.records(MASTER_ID, RUNS) if row["id"] == record_id)


def test_applied_it_repairs_all_and_finds_nothing_after(script: Script, sandbox: SandboxAirtable) -> None:
    expected = damage(sandbox)
    script("--apply")
    now = rows(sandbox, JOBS) | rows(sandbox, RUNS)
    for record_id, (what, run_id) in expected.items():
        fields = now[record_id]
        if what == "set_run_id":
            assert fields["Run ID"] == run_id
        elif what == "mark_failed":
            assert (fields["Status"], "Run ID" in fields) == ("Failed", False)
            assert "Its run ID cannot be told" in fields["System Notes"]
        else:
            assert fields["Status"] == "Duplicate"
            assert "is kept" in fields["System Notes"]
    assert len(now) == 6 + 4 + 3
    assert script("--apply") == "Nothing was found.\n"


def test_what_was_done_before_a_failure_stays_and_the_next_time_goes_on(
    script: Script, sandbox: SandboxAirtable
) -> None:
    damage(sandbox)
    sandbox.inject("bad-gateway", method="PATCH", skip=3)
    report = script("--apply", "--json", code=1)
    assert '"repaired": 3,' in report
    assert '"error": null' not in report
    script("--apply")
    assert script() == "Nothing was found.\n"


def test_it_keeps_the_record_that_the_ledger_knows(
    script: Script, sandbox: SandboxAirtable, sqlite_url: str
) -> None:
    with opened(sqlite_url) as ledger, opened_agency(sandbox, ledger) as agency:
        harvest(agency, posts_each=0)
        agency.send()
    known = next(iter(rows(sandbox, RUNS)))
    key = rows(sandbox, RUNS)[known]["Run ID"]
    copy = run_of(sandbox, key)
    job = next(iter(rows(sandbox, JOBS)))
    run_id = rows(sandbox, JOBS)[job]["Run ID"]
    sandbox.edit(MASTER_ID, JOBS, job, {"Run ID": None})
    script("--apply")
    assert rows(sandbox, RUNS)[copy]["Status"] == "Duplicate"
    assert rows(sandbox, RUNS)[known]["Status"] == "Completed"
    assert rows(sandbox, JOBS)[job]["Run ID"] == run_id


@pytest.mark.parametrize("name", ["AIRTABLE_API_KEY", "MASTER_CLIENTS_BASE_ID"])
def test_without_airtable_it_ends_with_2(script: Script, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    assert name in script(code=2)
    monkeypatch.delenv("AIRTABLE_API_KEY", raising=False)
    monkeypatch.delenv("MASTER_CLIENTS_BASE_ID", raising=False)
    assert "Airtable is off" in script(code=2)


def test_bad_arguments_end_with_2(script: Script) -> None:
    assert "unrecognized arguments: --aply" in script("--aply", code=2)


def test_airtable_down_is_a_failure(script: Script, sandbox: SandboxAirtable) -> None:
    with sandbox.dark():
        assert "Error: " in script(code=1)
