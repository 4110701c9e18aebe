"""Job runs that go on after their end, and orders under a run ID that was there before."""

from __future__ import annotations

import pytest

from harvester.jobs import JobDecision
from harvester.ledger import job_runs, pauses
from harvester.models import ClientRunStatus
from services import run_records
from services.kickoff import Order
from services.process import Ask

from .agency import Agency

COMPLETED, FAILED = ClientRunStatus.COMPLETED, ClientRunStatus.FAILED


def reopened(agency: Agency, full_id: str) -> None:
    """Have a client run go on as a retry does, as far as its job runs are concerned."""
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(
            f"update client_runs set status = 'Running', finished_at = null where client_run_id = '{full_id}'"
        )
        for run_id in {full_id[:13], *job_runs.waiting_for(tx, full_id)}:
            job_runs.reopen(tx, run_id)


def test_an_end_that_was_put_right_is_told_anew_and_pinged_for(agency: Agency) -> None:
    agency.clients("Ada")
    run_id = agency.process.order(Ask(schedule="all")).run_id
    agency.end(f"{run_id}-Ada", FAILED)
    agency.looks_until_quiet()
    assert agency.pings() == {run_id: False}
    told_at = agency.job(run_id).reported_at
    agency.clock.advance(minutes=5)
    reopened(agency, f"{run_id}-Ada")
    assert agency.job(run_id).status is ClientRunStatus.RUNNING
    agency.end(f"{run_id}-Ada")
    agency.looks_until_quiet()
    assert agency.job(run_id).status is COMPLETED
    assert agency.pings() == {run_id: True}
    assert told_at is not None
    assert (agency.job(run_id).reported_at or told_at) > told_at


def test_a_smart_resume_ends_again_with_what_it_took_on(agency: Agency) -> None:
    agency.clients("Ada")
    full_id = str(agency.kickoff(Order("Ada")).client_run_id)
    agency.clock.advance(minutes=1)
    resume = agency.resume.start(Ask()).run_id
    agency.end(full_id, FAILED)
    agency.looks_until_quiet()
    assert (agency.job(resume).status, agency.job(full_id[:13]).status) == (FAILED, FAILED)
    reopened(agency, full_id)
    assert agency.resume.state()["running"] is False  # the lock is free, whatever goes on
    agency.end(full_id)
    agency.looks_until_quiet()
    assert (agency.job(resume).status, agency.job(full_id[:13]).status) == (COMPLETED, COMPLETED)


@pytest.mark.parametrize("status", [COMPLETED, FAILED, ClientRunStatus.CANCELLED])
def test_under_the_run_id_of_a_kickoff_that_has_ended_nothing_is_said_to_be_started(
    agency: Agency, status: ClientRunStatus
) -> None:
    agency.clients("Ada", "Bo")
    ended = agency.kickoff(Order("Ada"))
    agency.end(str(ended.client_run_id), status)
    answer = agency.resume.start(Ask(run_id=ended.run_id))
    ada, bo = answer.clients
    assert (ada.decision, ada.code) == (JobDecision.SKIPPED, "run_exists")
    assert f"has ended {status}" in str(ada.reason)
    assert ("harvester retry" in str(ada.reason)) == (status is not COMPLETED)
    assert bo.decision is JobDecision.STARTED


def test_the_last_smart_resume_is_the_one_that_was_started_last(agency: Agency) -> None:
    agency.clients("Ada")
    for run_id in ("991231-235959", "261122-060000"):
        agency.resume.start(Ask(run_id=run_id))
        for live in agency.live():
            agency.end(live)
        agency.clock.advance(days=1)
    assert agency.resume.state()["last"]["runId"] == "261122-060000"


def test_one_client_that_is_paused_or_kept_by_hand_keeps_nobody_from_the_next_smart_resume(
    agency: Agency,
) -> None:
    agency.clients("Ada", "Bob", "Cy")
    agency.kickoff(Order("Bob"))
    now = agency.clock()
    with agency.ledger.write() as tx:
        pauses.put(tx, pauses.Pause("Bob", now, "holiday", "somebody"))
        run_records.create(
            tx, run_id="261122-040000", client_id="Cy", client_name="Cy", source="manual", now=now
        )
    first = agency.resume.start(Ask())
    decided = {one.client_id: (one.decision, one.code) for one in first.clients}
    assert decided == {
        "Ada": (JobDecision.STARTED, None),
        "Bob": (JobDecision.SKIPPED, "starts_paused"),
        "Cy": (JobDecision.SKIPPED, "run_in_progress"),
    }
    assert "holiday" in str({one.client_id: one.reason for one in first.clients}["Bob"])
    agency.end(f"{first.run_id}-Ada")
    agency.looks_until_quiet()
    assert agency.job(first.run_id).status is COMPLETED
    assert agency.resume.start(Ask(client_id="Ada")).run_id != first.run_id
