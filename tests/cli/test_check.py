"""`harvester check` and `harvester airtable adopt`: what they show, what they do, how they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from consistency_stage import TOKEN, harvest, opened_agency, sandbox_of_agency
from factories import end_run, make_client, make_leads, make_run
from sqlalchemy import delete, update

from harvester.ledger import Ledger, client_runs, job_runs, tables
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID

from .conftest import Harvester

Shown = Callable[..., Any]
LONG_AGO = datetime.now(UTC) - timedelta(days=3)


@pytest.fixture
def sandbox(environ: dict[str, str]) -> Iterator[SandboxAirtable]:
    """A sandbox Airtable, and settings that have it on."""
    with sandbox_of_agency() as running:
        environ |= {
            "AIRTABLE_API_KEY": TOKEN,
            "MASTER_CLIENTS_BASE_ID": MASTER_ID,
            "AIRTABLE_API_URL": running.url,
            "AIRTABLE_BASE_INTERVAL_SECONDS": "0.001",
            "AIRTABLE_TOKEN_INTERVAL_SECONDS": "0.001",
            "AIRTABLE_LOCKOUT_SECONDS": "0.05",
            "TICK_SECONDS": "0.05",
        }
        yield running


@pytest.fixture
def finished(sandbox: SandboxAirtable, ledger: Ledger) -> SandboxAirtable:
    """A finished harvest that Airtable shows."""
    with opened_agency(sandbox, ledger) as agency:
        harvest(agency, posts_each=1)
        agency.send()
    return sandbox


def damaged(ledger: Ledger) -> str:
    """Leave everything wrong that a ledger can have; gives the client run's ID."""
    make_client(ledger)
    (lead,) = make_leads(ledger)
    make_leads(ledger, count=1, status=LeadStatus.PROCESSING, last_check_at=LONG_AGO)
    (run,) = make_run(ledger, [[lead]], now=LONG_AGO)
    end_run(ledger, run, now=LONG_AGO, cost_micros=5_000)
    (over,) = make_run(
        ledger, [make_leads(ledger, "Ada")], client_id="Ada", run_id="251122-050000", now=LONG_AGO
    )
    end_run(ledger, over, now=LONG_AGO, cost_micros=7_000)
    with ledger.write() as tx:
        client_runs.finish(tx, over.client_run_id, status=ClientRunStatus.COMPLETED, now=LONG_AGO)
        job_runs.close(tx, "261122-050000", status=ClientRunStatus.COMPLETED, now=LONG_AGO)
        tx.execute(
            update(tables.client_runs)
            .where(tables.client_runs.c.client_run_id == over.client_run_id)
            .values(posts_harvested=99)
        )
    return run.client_run_id


def test_a_ledger_that_is_well_is_said_to_be(harvester: Harvester, shown: Shown) -> None:
    assert harvester("check").stdout == "Nothing is wrong.\n"
    assert shown("check") == {"found": 0, "repaired": 0, "left": 0, "counts": {}, "findings": []}


def test_without_airtable_the_ledger_is_checked_and_repaired(
    ledger: Ledger, harvester: Harvester, shown: Shown, environ: dict[str, str]
) -> None:
    environ["TICK_SECONDS"] = "0.05"
    full_id = damaged(ledger)
    found = shown("check", code=3)
    assert found["counts"] == {
        "client_run_stuck": 1,
        "lead_stuck": 1,
        "metrics_differ": 1,
        "job_run_differs": 2,
    }
    told = {one["code"]: one["detail"] for one in found["findings"]}
    assert "nothing of it is open any more" in told["client_run_stuck"]
    assert "posts_harvested is 99, counted 0" in told["metrics_differ"]
    assert "cost_micros is 0, counted 7000" in told["metrics_differ"]
    table = harvester("check", code=3).stdout
    assert full_id in table
    assert "Put right what can be: harvester check --repair." in table
    of_one = shown("check", "--client", "Guy-Wilson", code=3)
    assert of_one["counts"] == {"client_run_stuck": 1, "lead_stuck": 1}
    repaired = shown("check", "--repair")
    assert (repaired["found"], repaired["repaired"], repaired["left"]) == (5, 5, 0)
    assert shown("check")["found"] == 0
    with ledger.read() as tx:
        record = client_runs.get(tx, full_id)
        other = client_runs.get(tx, "251122-050000-Ada")
    assert record is not None
    assert other is not None
    assert (record.status, record.metrics.cost_micros) == ("Completed", 5_000)
    assert (other.metrics.posts_harvested, other.metrics.cost_micros) == (0, 7_000)


def test_a_record_that_somebody_deleted_is_named_with_how_to_make_it_again(
    ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    damaged(ledger)
    gone = "251122-050000-Ada"
    with ledger.write() as tx:
        tx.execute(delete(tables.client_runs).where(tables.client_runs.c.client_run_id == gone))
    (found,) = [one for one in shown("check", code=3)["findings"] if one["code"] == "record_missing"]
    assert (found["key"], found["clientId"]) == (gone, "Ada")
    assert "create_run_record.py --run-id 251122-050000 --client-id Ada" in found["detail"]
    assert shown("check", "--repair", code=3)["counts"]["record_missing"] == 1, "for a person alone"


def test_what_airtable_lacks_is_found_and_sent_anew(
    finished: SandboxAirtable, harvester: Harvester, shown: Shown
) -> None:
    assert shown("check", "--deep")["found"] == 0
    row, *others = finished.records(MASTER_ID, "Client Run Results")
    finished.edit(MASTER_ID, "Client Run Results", row["id"], {"Status": "Failed"})
    finished.delete(MASTER_ID, "Client Run Results", others[0]["id"])
    found = shown("check", code=3)
    assert found["counts"] == {"missing": 1, "different": 1}
    (different,) = [one for one in found["findings"] if one["code"] == "different"]
    assert different["recordId"] == row["id"]
    assert different["columns"] == ["Status"]
    repaired = shown("check", "--repair")
    assert (repaired["repaired"], repaired["left"]) == (2, 0)
    left = shown("check", "--repair", code=3)
    assert left["counts"] == {"deleted": 1}
    assert left["findings"][0]["left"] == "deleted by a person: --recreate makes it anew"
    assert shown("check", "--repair", "--recreate")["repaired"] == 1


def test_a_base_that_cannot_be_read_is_a_failure_and_the_rest_is_still_looked_at(
    finished: SandboxAirtable, harvester: Harvester, shown: Shown
) -> None:
    (row, *_) = finished.records(MASTER_ID, "Job Tracking")
    finished.edit(MASTER_ID, "Job Tracking", row["id"], {"System Notes": "mine"})
    finished.inject("forbidden", base="appClientBase0000", times=None)
    found = shown("check", code=1)
    assert found["counts"] == {"different": 1, "unreadable": 1}
    assert TOKEN not in harvester("check", code=1).output


def test_where_airtable_cannot_be_reached_the_check_says_so_and_fails(
    finished: SandboxAirtable, shown: Shown
) -> None:
    finished.inject("reset", times=None)
    before = len(finished.ledger().requests)
    found = shown("check", code=1)
    assert found["counts"] == {"unreadable": 3}
    told = [one["detail"] for one in found["findings"]]
    assert told[1:] == ["not looked at: Airtable cannot be reached"] * 2
    assert len(finished.ledger().requests) - before <= 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("check", "--recreate"), "--recreate goes with --repair"),
        (("check", "--client", "Nobody"), "there is no client Nobody"),
        (("airtable", "adopt"), "Airtable is off"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    harvester: Harvester, arguments: tuple[str, ...], told: str
) -> None:
    assert told in harvester(*arguments, code=2).output


def test_adopt_says_what_it_would_do_and_does_it_when_told_to(
    sandbox: SandboxAirtable, ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    good = {"Run ID": "251006-225513-Ada", "Client ID": "Ada", "Status": "Completed"}
    sandbox.add(MASTER_ID, "Client Run Results", good)
    odd = sandbox.add(MASTER_ID, "Client Run Results", {**good, "Run ID": "SR-250923-001-T3-S1"})
    dry = harvester("airtable", "adopt").stdout
    assert "harvester airtable adopt --apply" in dry
    assert odd in dry
    with ledger.read() as tx:
        assert client_runs.get(tx, "251006-225513-Ada") is None
    found = shown("airtable", "adopt", "--apply")
    assert found["tables"]["Client Run Results"] == {"new": 1, "there": 0, "left": 1}
    assert [one["recordId"] for one in found["left"]] == [odd]
    with ledger.read() as tx:
        assert client_runs.get(tx, "251006-225513-Ada") is not None
    assert shown("airtable", "adopt", "--apply")["tables"]["Client Run Results"]["new"] == 0
    sandbox.inject("forbidden", base=MASTER_ID, table="Client Run Results", times=None)
    failed = harvester("airtable", "adopt", code=1)
    assert "Error: not read: the master base" in failed.output
