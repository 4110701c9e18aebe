"""A harvest with Airtable: read from there, and seen there."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from harvester.sandbox.airtable.agency import MASTER_ID

from .on_airtable import ACTOR_RUNS, JOBS, RUNS, Agency, on_airtable

HANDLES = ("ada-one", "bea-two", "cyd-no-posts", "dan-error")


@pytest.fixture
def agency(ledger_url: str) -> Iterator[Agency]:
    with on_airtable(ledger_url, {"Guy-Wilson": HANDLES}) as found:
        yield found


def test_everything_that_a_harvest_makes_is_seen_in_airtable_once(agency: Agency) -> None:
    run = agency.harvest()
    (record,) = agency.rows(RUNS)
    assert record["Run ID"] == run["clientRunId"]
    assert record["Status"] == run["status"]
    assert record["Total Posts Harvested"] == run["metrics"]["postsHarvested"] > 0
    assert record["Apify API Costs"] == pytest.approx(run["metrics"]["apifyCostUsd"], abs=1e-4)
    assert record["Profiles Submitted for Post Harvesting"] == len(HANDLES)
    (job,) = agency.rows(JOBS)
    assert (job["Run ID"], job["Status"]) == (run["runId"], record["Status"])
    (actor_run,) = agency.rows(ACTOR_RUNS)
    assert actor_run["Run ID"] == run["clientRunId"]
    states = {handle: row["Posts Harvest Status"] for handle, row in agency.leads().items()}
    assert states == {
        "ada-one": "Done",
        "bea-two": "Done",
        "cyd-no-posts": "No Posts",
        "dan-error": "Pending",
    }
    posts = agency.rows("Posts", "Guy-Wilson")
    assert sorted(row["Post Key"] for row in posts) == sorted(agency.stage.posts())
    known = set(agency.lead_ids().values())
    assert all(row["Lead"] and set(row["Lead"]) <= known for row in posts)
    assert agency.airtable.ledger().too_many == 0


def test_a_client_that_is_switched_off_in_mid_run_starts_nothing_more(ledger_url: str) -> None:
    handles = [f"person-{number}" for number in range(12)]
    row = {"Leads Batch Size for Post Collection": 2}
    with on_airtable(ledger_url, {"Guy-Wilson": handles}, clients=row, max_actor_runs=1) as agency:
        stage = agency.stage
        full_id = stage.kickoff()
        stage.work(lambda: stage.in_state("running", "planned") and len(stage.rows()) == 6)
        (record,) = agency.airtable.records(MASTER_ID, "Clients")
        agency.airtable.edit(MASTER_ID, "Clients", record["id"], {"Status": "Inactive"})
        time.sleep(0.15)
        run = stage.finish(full_id, 30)
        agency.in_step()
    started = [one for one in run["actorRuns"] if one["actorRunId"]]
    assert len(started) < 6
    assert {error["code"] for error in run["errors"]} == {"client_inactive"}
