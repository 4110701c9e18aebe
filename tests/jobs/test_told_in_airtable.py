"""What Job Tracking shows of a job run: what it was for and, once it has ended, the sums in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harvester.ledger import job_clients
from services.mirror_records import job_run
from services.process import Ask

from .agency import Agency


def shown(agency: Agency, run_id: str) -> dict[str, Any]:
    """Give the cells of a job run."""
    with agency.ledger.read() as tx:
        counts, sums = job_clients.counts(tx, [run_id]), job_clients.sums(tx, [run_id])
    return job_run(agency.job(run_id), counts[run_id], sums[run_id][1])


def test_job_tracking_says_what_for_and_what_came_of_it(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    agency.clients("Cy", daily_target=0)
    run_id = agency.process.order(Ask(stream=1, limit=3, schedule="all")).run_id
    purpose = (
        "Started by master_process, by schedule all: process for all active clients of stream 1, "
        "the first 3 by ID"
    )
    cells = shown(agency, run_id)
    assert (cells["Stream"], cells["Status"], cells["End Time"]) == (1, "Running", None)
    assert cells["System Notes"] == purpose
    for full_id in agency.live():
        agency.end(full_id, posts_harvested=4, posts_new=3, profiles_submitted=5, cost_micros=20_000)
    assert shown(agency, run_id)["System Notes"] == (
        f"{purpose}\nCompleted: 3 clients: 2 harvested, 1 skipped; 10 profiles, 8 posts, 6 of them new, "
        "0.0400 USD"
    )


def test_a_kickoff_of_one_client_is_shown_as_before(agency: Agency) -> None:
    agency.clients("Ada")
    run_id = agency.process.order(Ask()).run_id
    single = replace(agency.job(run_id), plan=None, source="orchestrator")
    with agency.ledger.read() as tx:
        counts, sums = job_clients.counts(tx, [run_id]), job_clients.sums(tx, [run_id])
    cells = job_run(single, counts[run_id], sums[run_id][1])
    assert cells["System Notes"] == "Started by orchestrator"
    assert "Stream" not in cells
