"""A harvest with Airtable: read from there, and seen there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
