"""Adoption: what another system has left in Airtable comes over once, as it is, or is named and left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from consistency_stage import Agency, base_of, opened_agency, sandbox_of_agency
from factories import FakeClock, make_limits
from records import all_records, job, log_of, record
from test_creation_point import users_of

from harvester.ledger import Ledger, outbox_checks, posts
from harvester.ledger import leads as lead_rows
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID
from services import now_utc
from services.adopt import Adopt
from services.adopt_report import Report
from services.kickoff import Kickoff, Order

ADA, BO = base_of("Ada"), base_of("Bo-Li")
GUY = "https://www.linkedin.com/in/guy"


@pytest.fixture
def sandbox() -> Iterator[SandboxAirtable]:
    """Ada's base has a table of posts, Bo-Li's keeps them in a cell of each lead."""
    with sandbox_of_agency(Bo_Li="content") as running:
        yield running


@pytest.fixture
def agency(sandbox: SandboxAirtable, ledger: Ledger) -> Iterator[Agency]:
    with opened_agency(sandbox, ledger) as opened:
        side = opened.services.airtable
        assert side is not None
        side.roster.refresh(force=True)
        yield opened


def adopt(agency: Agency, *, apply: bool = True, client_id: str | None = None) -> Report:
    side = agency.services.airtable
    assert side is not None
    take_over = Adopt(
        agency.ledger,
        side.gateway,
        side.schemas,
        now_utc,
        master_base=MASTER_ID,
        timeout=timedelta(days=1),
    )
    return take_over(client_id=client_id, apply=apply)


def tallies(report: Report) -> dict[str, tuple[int, int, int]]:
    return {table: (one.new, one.there, one.left) for table, one in report.tallies.items()}


def run_row(sandbox: SandboxAirtable, run_id: str, client_id: str = "Ada", **more: Any) -> str:
    usual = {"Run ID": run_id, "Client ID": client_id, "Client Name": "Ada L.", "Status": "Completed"}
    times = {"Start Time": "2025-10-06T22:55:13.000Z", "End Time": "2025-10-06T23:20:00.000Z"}
    return sandbox.add(MASTER_ID, "Client Run Results", {**usual, **times, **more})


def predecessor(sandbox: SandboxAirtable) -> None:
    """Leave behind what an earlier harvester leaves, good and bad."""
    metrics: dict[str, Any] = {
        "Profiles Submitted for Post Harvesting": 20,
        "Total Posts Harvested": 37,
        "Apify API Costs": 0.0741,
        "System Notes": "started from orchestrator",
    }
    run_row(sandbox, "251006-225513-Ada", **metrics)
    run_row(sandbox, "251006-225513-Bo-Li", "Bo-Li", Status="No Leads To Score")
    run_row(sandbox, "251007-010203-Ada", Status="Running")
    young = now_utc() - timedelta(hours=1)
    started: dict[str, Any] = {"Start Time": young.isoformat(), "End Time": None, "Status": "Running"}
    run_row(sandbox, f"{young:%y%m%d-%H%M%S}-Ada", **started)
    for run_id, client_id in [
        ("251008-010203-Guy-Wilson-Guy-Wilson", "Guy-Wilson"),
        ("SR-250923-001-S1-CAda-ISSUE", "Ada"),
        ("AeljThOnfXhim2T31", "Ada"),
        ("job_post_scoring_bypass_17", "Ada"),
        ("251099-010203-Ada", "Ada"),
    ]:
        run_row(sandbox, run_id, client_id)
    for _ in range(2):
        run_row(sandbox, "251009-010203-Ada")
    sandbox.add(MASTER_ID, "Job Tracking", {"Run ID": "251006-225513", "Status": "Running"})
    sandbox.add(MASTER_ID, "Job Tracking", {"Status": "Running"})
    sandbox.add(
        MASTER_ID, "Apify", {"Apify Run ID": "AeljThOnfXhim2T31", "Client ID": "Ada", "Status": "RUNNING"}
    )
    leads(sandbox)


def leads(sandbox: SandboxAirtable) -> None:
    checked = {"Last Post Check At": "2025-10-06T23:00:00.000Z", "Posts Harvest Run ID": "AeljThOnfXhim2T31"}
    done = sandbox.add(
        ADA,
        "Leads",
        {"LinkedIn Profile URL": GUY, "Posts Harvest Status": "Done", "Posts Found (Last Run)": 2, **checked},
    )
    sandbox.add(ADA, "Leads", {"LinkedIn Profile URL": f"{GUY}/?x=1", "Posts Harvest Status": "Pending"})
    sandbox.add(
        ADA, "Leads", {"LinkedIn Profile URL": f"{GUY}-2", "Posts Harvest Status": "No Posts", **checked}
    )
    sandbox.add(ADA, "Leads", {"LinkedIn Profile URL": f"{GUY}-3", "First Name": "Fresh"})
    sandbox.add(
        ADA, "Leads", {"LinkedIn Profile URL": "https://example.com/me", "Posts Harvest Status": "Done"}
    )
    sandbox.add(ADA, "Posts", {"Post Key": "7329207003942125568", "Lead": [done], "Post Text": "One van."})
    sandbox.add(
        ADA,
        "Posts",
        {
            "Post URL": "https://www.linkedin.com/feed/update/urn:li:activity:7329207003942125569",
            "Profile URL": GUY,
        },
    )
    sandbox.add(ADA, "Posts", {"Post Key": "7329207003942125570"})
    content = '[{"postUrl":"https://www.linkedin.com/feed/update/urn:li:activity:7000000000000000001","postContent":"Hello","postedAt":"2025-10-01T00:00:00Z"},{"postUrl":"nowhere"}]'
    sandbox.add(
        BO,
        "Leads",
        {"LinkedIn Profile URL": f"{GUY}-4", "Posts Harvest Status": "Done", "Posts Content": content},
    )
    sandbox.add(BO, "Leads", {"LinkedIn Profile URL": f"{GUY}-5", "Posts Content": "[{damaged"})


EXPECTED = {
    "Client Run Results": (3, 0, 8),
    "Job Tracking": (2, 0, 1),
    "Apify": (1, 0, 0),
    "Leads": (3, 1, 3),
    "Posts": (3, 0, 1),
}


def test_it_takes_over_what_it_can_and_names_the_rest(sandbox: SandboxAirtable, agency: Agency) -> None:
    predecessor(sandbox)
    before = {
        table: sandbox.records(base, table)
        for base, table in [(MASTER_ID, "Client Run Results"), (ADA, "Leads")]
    }
    dry = adopt(agency, apply=False)
    assert tallies(dry) == EXPECTED, dry.left
    assert all_records(agency.ledger) == []
    report = adopt(agency)
    assert tallies(report) == EXPECTED
    assert report.left == dry.left
    ledger = agency.ledger
    taken = record(ledger, "251006-225513-Ada")
    assert (taken.status, taken.source, taken.metrics.posts_harvested) == ("Completed", "manual", 37)
    assert (taken.metrics.profiles_submitted, taken.metrics.cost_micros) == (20, 74_100)
    assert record(ledger, "251006-225513-Bo-Li").system_notes.endswith("Status was No Leads To Score")
    dead = record(ledger, "251007-010203-Ada")
    assert dead.status is ClientRunStatus.FAILED
    assert "still Running" in dead.system_notes
    assert log_of(ledger, taken.client_run_id) == [("adopt", "manual", True)]
    assert job(ledger, "251006-225513").status is ClientRunStatus.COMPLETED
    assert job(ledger, "251007-010203").status is ClientRunStatus.FAILED
    assert before == {
        table: sandbox.records(base, table)
        for base, table in [(MASTER_ID, "Client Run Results"), (ADA, "Leads")]
    }


def test_a_second_adoption_finds_all_there_and_airtable_is_told_nothing(
    sandbox: SandboxAirtable, agency: Agency
) -> None:
    predecessor(sandbox)
    adopt(agency)
    again = adopt(agency)
    assert {new for new, _, _ in tallies(again).values()} == {0}
    assert {table: there for table, (_, there, _) in tallies(again).items()} == {
        table: new + there for table, (new, there, _) in EXPECTED.items()
    }
    assert waiting(agency.ledger) == []
    run_row(sandbox, "251010-010203-Ada")
    assert tallies(adopt(agency))["Client Run Results"] == (1, 3, 8)


def waiting(ledger: Ledger) -> list[str]:
    with ledger.read() as tx:
        rows = tx.connection.exec_driver_sql("select kind, key from outbox where due_at is not null")
        return [f"{kind} {key}" for kind, key in rows]


def test_leads_and_posts_are_not_harvested_again(sandbox: SandboxAirtable, agency: Agency) -> None:
    predecessor(sandbox)
    adopt(agency)
    with agency.ledger.write() as tx:
        found = {lead.profile_url: lead for lead in lead_rows.page(tx, "Ada", limit=10)}
        known, _ = posts.page(tx, limit=10, client_id="Ada")
        due = lead_rows.due(
            tx, "Ada", now=now_utc(), stale_after=timedelta(seconds=1800), limit=10, not_in="-"
        )
        records = {row.key: row.record_id for row in outbox_checks.known(tx, ADA, Kind.POST)}
    assert {url: lead.status for url, lead in found.items()} == {
        GUY: LeadStatus.DONE,
        f"{GUY}-2": LeadStatus.NO_POSTS,
    }
    assert (found[GUY].posts_found_last_run, found[GUY].client_run_id) == (2, "AeljThOnfXhim2T31")
    assert due == []
    assert {post["post_key"]: post["leads"] for post in known} == {
        "7329207003942125568": [GUY],
        "7329207003942125569": [GUY],
    }
    shown = [row["id"] for row in sandbox.records(ADA, "Posts")]
    assert set(records.values()) == set(shown[:2])
    with agency.ledger.read() as tx:
        (of_cell,), _ = posts.page(tx, limit=10, client_id="Bo-Li")
    assert (of_cell["text"], of_cell["leads"]) == ("Hello", [f"{GUY}-4"])


def test_of_one_client_only_what_is_its_own_comes_over(sandbox: SandboxAirtable, agency: Agency) -> None:
    predecessor(sandbox)
    report = adopt(agency, client_id="Bo-Li")
    assert [run.client_run_id for run in all_records(agency.ledger)] == ["251006-225513-Bo-Li"]
    assert {one.client_id for one in report.left} == {"Bo-Li"}
    assert tallies(adopt(agency))["Client Run Results"] == (2, 1, 8)


def test_after_an_adoption_a_check_finds_only_what_was_left(sandbox: SandboxAirtable, agency: Agency) -> None:
    predecessor(sandbox)
    adopt(agency)
    agency.send()
    found = {(one.code.value, one.key) for one in agency.check().find(deep=True)}
    young = {
        key
        for code, key in found
        if code == "extra" and key and key.startswith(f"{now_utc() - timedelta(hours=1):%y%m%d}")
    }
    assert found - {("extra", key) for key in young} == {
        ("extra", "251008-010203-Guy-Wilson-Guy-Wilson"),
        ("extra", "251009-010203-Ada"),
        ("duplicate", "251009-010203-Ada"),
        ("extra", "7329207003942125570"),
        ("no_run_id", None),
        ("unshown", "251007-010203"),
    }


def test_a_client_whose_runs_were_adopted_can_be_harvested(
    sandbox: SandboxAirtable, agency: Agency, clock: FakeClock
) -> None:
    predecessor(sandbox)
    adopt(agency)
    kickoff = Kickoff(agency.ledger, make_limits(), clock)
    answer = kickoff(Order("Ada", target_urls=(f"{GUY}-9",)))
    assert answer is not None


def test_only_the_adoption_adopts_run_records() -> None:
    assert users_of("run_records", "adopt") == {"services/adopt.py"}
