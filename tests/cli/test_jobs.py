"""Process, resume and jobs from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_client, make_leads

from harvester.ledger import Ledger, client_runs
from harvester.models import ClientRunStatus
from services import jobs, now_utc, run_records

from .conftest import Harvester
from .processes import HARVESTER, STARTS_WITHIN, Processes

Shown = Callable[..., Any]


@pytest.fixture(autouse=True)
def agency(ledger: Ledger) -> None:
    make_client(ledger, "Ada")
    make_client(ledger, "Bo", daily_target=0)
    make_client(ledger, "Cy", stream=2)
    make_leads(ledger, "Ada", 3)


def end(ledger: Ledger, full_id: str, status: ClientRunStatus) -> None:
    """End a client run as settling does."""
    with ledger.write() as tx:
        run = client_runs.get(tx, full_id, lock=True)
        assert run is not None
        run_records.complete(tx, run, status, source="test", note="done", now=now_utc())
        jobs.client_run_ended(tx, run, now=now_utc())


def test_a_process_says_what_it_started_and_why_not(harvester: Harvester) -> None:
    lines = harvester("process").stdout.splitlines()
    assert lines[0].endswith("harvester jobs " + lines[0].split()[2].rstrip(":"))
    assert "2 clients started" in lines[0]
    assert lines[1:] == ["  Bo: not started: the client's daily target is 0 (no_target)"]
    again = harvester("process", "--stream", 2).stdout
    assert "0 clients started" in again
    assert "is still running (run_in_progress)" in again


def test_nobody_to_harvest_is_said(harvester: Harvester) -> None:
    lines = harvester("process", "--stream", 99).stdout.splitlines()
    assert "0 clients started" in lines[0]
    assert lines[1:] == ["  There is no active client of stream 99: see harvester clients list"]


def test_it_is_narrowed_and_its_run_id_taken_once(harvester: Harvester, shown: Shown) -> None:
    found = shown("process", "--client", "Ada", "--run-id", "261101-060000")
    assert found == {
        "runId": "261101-060000",
        "kickingOff": False,
        "clients": [{"clientId": "Ada", "clientRunId": "261101-060000-Ada", "status": "Running"}],
    }
    harvester("process", "--run-id", "261101-060000", code=3)
    harvester("process", "--client", "Nobody", code=1)
    full = harvester("process", "--run-id", "261101-060000-Ada", code=2).stderr
    assert full.endswith("expected YYMMDD-HHMMSS in UTC, as in 261122-050000\n")
    for bad in (["--limit", 0], ["--stream", "x"], ["--run-id", "SR-1"], ["--dry-run", "--wait"]):
        harvester("process", *bad, code=2)
    assert [one["runId"] for one in shown("jobs")] == ["261101-060000"]


def test_a_dry_run_starts_nothing(harvester: Harvester, shown: Shown) -> None:
    assert [one["clientId"] for one in shown("process", "--dry-run")] == ["Ada", "Bo", "Cy"]
    assert "daily target is 0" in harvester("process", "--dry-run").stdout
    assert shown("jobs") == shown("runs") == []


def test_whoever_waits_hears_how_it_ended(
    harvester: Harvester, shown: Shown, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id, status, code in (
        ("261101-060000", ClientRunStatus.COMPLETED, 0),
        ("261101-060001", ClientRunStatus.FAILED, 1),
        ("261101-060002", ClientRunStatus.CANCELLED, 3),
    ):
        end_it = [(f"{run_id}-Cy", status)]

        def sleep(_: float, due: list[tuple[str, ClientRunStatus]] = end_it) -> None:
            end(ledger, *due.pop())

        monkeypatch.setattr("harvester.cli.job_waiting.time.sleep", sleep)
        found = shown("process", "--client", "Cy", "--run-id", run_id, "--wait", code=code)
        assert (found["status"], found["report"]["sums"]["ended"]) == (status, {status: 1})


def test_whoever_stops_waiting_is_told_neither_that_it_failed_nor_that_it_ended(
    harvester: Harvester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr("harvester.cli.job_waiting.time.sleep", interrupted)
    stopped = harvester("process", "--run-id", "261101-060000", "--wait", code=130)
    assert "Job run 261101-060000 goes on" in stopped.stderr


def test_a_smart_resume_is_shown_refused_and_reset(
    harvester: Harvester, shown: Shown, ledger: Ledger
) -> None:
    assert "none ever was" in harvester("resume", "--status").stdout
    run_id = shown("resume", "--stream", 1)["runId"]
    refused = harvester("resume", code=3).stderr
    assert run_id in refused
    assert "harvester resume --reset" in refused
    state = shown("resume", "--status")
    assert (state["running"], state["runId"]) == (True, run_id)
    assert f"Smart resume {run_id} is running" in harvester("resume", "--status").stdout
    assert shown("resume", "--reset") == {"reset": True, "runId": run_id}
    assert "No smart resume is running" in harvester("resume", "--reset").stdout
    assert "Cancelled" in harvester("resume", "--status").stdout
    assert "1 taken on" in harvester("resume", "--stream", 1).stdout
    end(ledger, f"{run_id}-Ada", ClientRunStatus.COMPLETED)
    assert shown("resume", "--status")["running"] is False


@pytest.mark.parametrize(
    "bad", [["--status", "--reset"], ["--starts", "--stream", "1"], ["--reset", "--wait"]], ids=" ".join
)
def test_a_resume_is_one_thing_at_a_time(bad: list[str], harvester: Harvester) -> None:
    harvester("resume", *bad, code=2)


def test_starts_are_resumed(harvester: Harvester, shown: Shown) -> None:
    harvester("pause", "--client", "Ada")
    assert shown("resume", "--starts", "--client", "Ada") == {"lifted": True, "pauses": []}
    assert shown("resume", "--starts")["lifted"] is False


def test_a_job_run_is_reported_on(harvester: Harvester, shown: Shown) -> None:
    run_id = shown("process")["runId"]
    found = shown("jobs", run_id)
    assert [one["clientId"] for one in found["report"]["clients"]] == ["Ada", "Bo", "Cy"]
    assert found["report"]["sums"]["started"] == 2
    text = harvester("jobs", run_id).stdout
    assert "2 started, 0 taken on, 1 skipped" in text
    harvester("jobs", "261101-000000", code=1)


@pytest.mark.slow
def test_a_plain_crontab_is_enough(processes: Processes, environ: dict[str, str]) -> None:
    code, output = processes.run(*HARVESTER, "process", environ=environ, seconds=STARTS_WITHIN)
    assert code == 0, output
    started, left = output.splitlines()
    assert "2 clients started" in started
    assert left == "  Bo: not started: the client's daily target is 0 (no_target)"
