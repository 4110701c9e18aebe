"""The commands about one client run: cancel, retry, coverage; and leads that are unreachable."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, end_run, make_client, make_leads, make_run
from records import FULL_ID, record
from sqlalchemy import update

from harvester.ledger import Ledger, actor_runs, client_runs, tables
from harvester.models import ActorRunState, ClientRunStatus
from services.outcome import decide_leads, hear

from .conftest import Harvester

Shown = Callable[..., Any]


@pytest.fixture
def failed(ledger: Ledger) -> str:
    """A client run of two leads that has failed."""
    make_client(ledger)
    (run,) = make_run(ledger, [make_leads(ledger, count=2)], now=NOW)
    ended = end_run(ledger, run, ActorRunState.FAILED, now=NOW, error_code="refused", error="no credit")
    with ledger.write() as tx:
        tx.execute(update(tables.leads).values(client_run_id=FULL_ID))
        decide_leads(tx, ended, hear(tx, ended, answered_all=False), now=NOW)
        client_runs.finish(tx, FULL_ID, status=ClientRunStatus.FAILED, now=NOW)
    return FULL_ID


def test_cancel_ends_what_was_not_started(ledger: Ledger, harvester: Harvester) -> None:
    make_client(ledger)
    make_run(ledger, [make_leads(ledger, count=2)])
    assert f"{FULL_ID} ended Cancelled" in harvester("cancel", FULL_ID).stdout
    assert "cancelled by command line" in record(ledger).system_notes
    assert "is over: Cancelled" in harvester("cancel", FULL_ID, code=3).stderr
    assert "there is no client run" in harvester("cancel", "nobody", code=1).stderr


def test_cancel_says_when_something_is_at_work(ledger: Ledger, shown: Shown, harvester: Harvester) -> None:
    make_client(ledger)
    now = datetime.now(UTC)  # one that has run for a day is ended for that
    (run,) = make_run(ledger, [make_leads(ledger, count=2)], now=now)
    end_run(ledger, run, ActorRunState.RUNNING, now=now)
    assert shown("cancel", FULL_ID) == {"clientRunId": FULL_ID, "clientId": CLIENT_ID, "status": "Running"}
    assert "as soon as" in harvester("cancel", FULL_ID).stdout


def test_cancel_waits_for_the_end(ledger: Ledger, harvester: Harvester) -> None:
    make_client(ledger)
    make_run(ledger, [make_leads(ledger, count=2)])
    assert "ended Cancelled" in harvester("cancel", FULL_ID, "--wait").stdout


def test_retry_starts_it_again(ledger: Ledger, failed: str, harvester: Harvester) -> None:
    assert f"{failed} goes on" in harvester("retry", failed).stdout
    assert record(ledger).status is ClientRunStatus.RUNNING
    assert "still running" in harvester("retry", failed, code=3).stdout
    with ledger.read() as tx:
        assert [run.state for run in actor_runs.of_client_run(tx, failed)] == ["failed", "planned"]


def test_retry_says_why_not(ledger: Ledger, failed: str, shown: Shown, harvester: Harvester) -> None:
    with ledger.write() as tx:
        tx.execute(update(tables.clients).values(status="Paused"))
    assert "client is Paused, not Active (client_inactive)" in harvester("retry", failed).stdout
    assert shown("retry", failed)["code"] == "client_inactive"
    with ledger.write() as tx:
        tx.execute(update(tables.clients).values(status="Active"))
        tx.execute(update(tables.client_runs).values(status="Completed"))
    assert "nothing of it went wrong" in harvester("retry", failed, code=3).stderr


def test_coverage_lists_every_profile(
    ledger: Ledger, failed: str, shown: Shown, harvester: Harvester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harvester.cli.run_actions._PAGE", 1)
    found = shown("runs", failed, "--coverage")
    assert (found["coverage"]["submitted"], found["coverage"]["notAnswered"]) == (2, 2)
    assert {row["reason"] for row in found["profiles"]} == {"no credit"}
    assert len(found["profiles"]) == 2
    told = harvester("runs", failed, "--coverage").stdout
    assert "2 submitted, 0 with posts" in told
    assert told.count("not answered") >= 2
    assert "--coverage goes with one" in harvester("runs", "--coverage", code=2).stderr
    harvester("runs", "261122-000000-Nobody", "--coverage", code=1)


def test_unreachable_leads_are_shown_and_due_again(
    ledger: Ledger, shown: Shown, harvester: Harvester
) -> None:
    make_client(ledger)
    gone = make_leads(ledger, count=3, unanswered=3, unreachable_at=NOW)
    make_leads(ledger, count=1, unanswered=2)
    listed = shown("leads", "list", "--client", CLIENT_ID)
    assert sum(row["unreachable"] is not None for row in listed) == 3
    assert "unreachable since 2026-11-22 05:00:00" in harvester("leads", "list", "--client", CLIENT_ID).stdout
    one = gone[0]
    assert shown("leads", "retry", "--client", CLIENT_ID, one.given_url) == {"dueAgain": [one.profile_url]}
    assert "2 unreachable leads are due again" in harvester("leads", "retry", "--client", CLIENT_ID).stdout
    assert "0 unreachable leads" in harvester("leads", "retry", "--client", CLIENT_ID).stdout
    with ledger.read() as tx:
        left = tx.execute(tables.leads.select().order_by(tables.leads.c.unanswered)).all()
    assert [(row.unanswered, row.unreachable_at) for row in left] == [(0, None)] * 3 + [(2, None)]
    harvester("leads", "retry", "--client", CLIENT_ID, "no url", code=2)
    harvester("leads", "retry", "--client", "Nobody", code=1)


@pytest.mark.parametrize(("status", "code"), [("Completed", 0), ("Failed", 1), ("Cancelled", 3)])
def test_retry_waits_for_the_end_and_says_how_it_was(
    ledger: Ledger, failed: str, harvester: Harvester, status: str, code: int
) -> None:
    def ends() -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with ledger.write() as tx:
                if client_runs.finish(tx, failed, status=ClientRunStatus(status), now=NOW):
                    return
            time.sleep(0.05)

    worker = threading.Thread(target=ends)
    worker.start()
    assert f"{failed} ended {status}" in harvester("retry", failed, "--wait", code=code).stdout
    worker.join()
