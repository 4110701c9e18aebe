"""Smart resume: skips what is done, takes on what runs, goes on with the rest; one at a time; truly waits."""

from __future__ import annotations

from functools import partial

import pytest
from factories import NOW, FakeClock, make_leads, make_run, opened
from records import harvested
from simultaneous import at_once

from harvester.jobs import JobDecision, JobPlan
from harvester.ledger import Ledger, actor_runs, job_runs, self_checks
from harvester.models import ActorRunState, ClientRunStatus, LeadStatus
from services.kickoff import Order
from services.process import Ask, JobAnswer
from services.resume_lock import ResumeInProgress

from .agency import RECENT, STALE, Agency, Died

STARTED, TAKEN_ON, SKIPPED = JobDecision.STARTED, JobDecision.TAKEN_ON, JobDecision.SKIPPED
RUNNING, COMPLETED = ClientRunStatus.RUNNING, ClientRunStatus.COMPLETED


def complete_day(agency: Agency, name: str, *, posts: int = 10) -> None:
    """Have a client run of a client that completed with so many posts."""
    (lead,) = make_leads(agency.ledger, name, 1, status=LeadStatus.DONE)
    (batch,) = make_run(agency.ledger, [[lead]], client_id=name, run_id="261122-040000", now=agency.clock())
    harvested(agency.ledger, batch, posts_found=posts)
    agency.end(f"261122-040000-{name}")


def test_what_is_done_is_skipped_what_runs_is_taken_on_and_the_rest_goes_on(agency: Agency) -> None:
    agency.clients("Done", "Failed", "Half", "Live", "New")
    agency.clients("Other", stream=2)
    complete_day(agency, "Done")
    complete_day(agency, "Half", posts=4)
    agency.end(str(agency.kickoff(Order("Failed")).client_run_id), ClientRunStatus.FAILED)
    live = agency.kickoff(Order("Live")).client_run_id
    agency.clock.advance(hours=1)
    answer = agency.resume.start(Ask(stream=1))
    decided = {one.client_id: one for one in answer.clients}
    assert {name: one.decision for name, one in decided.items()} == {
        "Done": SKIPPED,
        "Failed": STARTED,
        "Half": STARTED,
        "Live": TAKEN_ON,
        "New": STARTED,
    }
    assert decided["Live"].client_run_id == live
    assert decided["Done"].code == "completed_recently"
    for fact in ("261122-040000-Done", "2026-11-22 05:00", "10 posts"):
        assert fact in str(decided["Done"].reason)
    assert {run.source for run in agency.runs(answer.run_id)} == {"smart_resume_workflow"}


def test_a_day_later_a_met_target_is_no_reason_to_skip(agency: Agency, clock: FakeClock) -> None:
    agency.clients("Done")
    complete_day(agency, "Done")
    clock.advance(seconds=RECENT.total_seconds())
    (decided,) = agency.resume.start(Ask()).clients
    assert decided.decision is STARTED


def test_a_lead_that_has_its_answer_is_not_paid_for_again(agency: Agency) -> None:
    agency.clients("Ada")
    answered, left = make_leads(agency.ledger, "Ada", 2)
    (batch,) = make_run(agency.ledger, [[answered]], client_id="Ada", run_id="261122-040000")
    harvested(agency.ledger, batch, posts_found=2)
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(f"update leads set status = 'Done' where id = {answered.id}")
    agency.end("261122-040000-Ada", ClientRunStatus.COMPLETED_WITH_ERRORS)
    answer = agency.resume.start(Ask())
    with agency.ledger.read() as tx:
        (planned,) = actor_runs.of_client_run(tx, f"{answer.run_id}-Ada")
        (target,) = actor_runs.targets(tx, planned.id)
    assert planned.state is ActorRunState.PLANNED
    assert target.lead_id == left.id


def test_it_is_completed_when_what_it_waits_for_has_truly_ended(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    live = str(agency.kickoff(Order("Bo")).client_run_id)
    run_id = agency.resume.start(Ask()).run_id
    agency.end(f"{run_id}-Ada", posts_harvested=3)
    agency.looks_until_quiet()
    assert agency.job(run_id).status is RUNNING
    assert agency.resume.state()["running"]
    agency.end(live, posts_harvested=5)
    assert agency.job(run_id).status is COMPLETED
    state = agency.resume.state()
    assert (state["running"], state["last"]["runId"]) == (False, run_id)
    sums = state["last"]["report"]["sums"]
    assert (sums["started"], sums["takenOn"]) == (1, 1)
    assert (sums["metrics"]["postsHarvested"], sums["takenOnMetrics"]["postsHarvested"]) == (3, 5)
    agency.looks_until_quiet()
    (told,) = agency.alerts().values()
    head, *lines = told.splitlines()
    assert head.startswith(f"Smart resume {run_id} ended Completed")
    assert head.endswith("Taken on, and counted in their own job runs: 5 posts, 0.0000 USD")
    assert lines == [
        f"Ada: {run_id}-Ada ended Completed, 3 posts, 0.0000 USD",
        f"Bo: taken on, {live} ended Completed, 5 posts, 0.0000 USD",
    ]
    assert agency.resume.start(Ask()).run_id != run_id


def test_a_second_one_is_refused_while_a_worker_looks_after_the_first(
    agency: Agency, clock: FakeClock
) -> None:
    agency.clients("Ada")
    first = agency.resume.start(Ask()).run_id
    for _ in range(10):
        clock.advance(seconds=STALE.total_seconds() / 2)
        agency.looks_until_quiet()
        with pytest.raises(ResumeInProgress) as refused:
            agency.resume.start(Ask(stream=9))
        assert refused.value.run_id == first
        assert refused.value.age_seconds == int((clock.now - NOW).total_seconds())
    assert agency.process.order(Ask()).clients[0].code == "run_in_progress"
    state = agency.resume.state()
    assert (state["runId"], state["owner"], state["stale"]) == (first, "here", False)
    assert [one["status"] for one in state["clients"]] == [RUNNING]


def test_one_that_nobody_looks_after_is_taken_over_with_its_harvests(
    agency: Agency, clock: FakeClock
) -> None:
    agency.clients("Ada", "Bo", "Cy")
    agency.process._at_once = 1
    agency.decide.lives = 1
    with pytest.raises(Died):
        agency.resume.start(Ask())
    agency.decide.lives = None
    stale = agency.job(agency.all_jobs()[0].run_id).run_id
    clock.advance(seconds=STALE.total_seconds() + 1)
    assert agency.resume.state()["stale"]
    answer = agency.resume.start(Ask())
    assert [one.decision for one in answer.clients] == [TAKEN_ON, STARTED, STARTED]
    ended = agency.job(stale)
    assert ended.status is ClientRunStatus.FAILED
    assert f"taken over by {answer.run_id}" in str(ended.note)
    agency.looks_until_quiet()
    assert set(agency.decided(stale)) == {"Ada"}
    for full_id in agency.live():
        agency.end(full_id)
    assert agency.job(answer.run_id).status is COMPLETED
    assert agency.job(stale) == ended or agency.job(stale).reported_at is not None


def test_a_reset_ends_it_and_leaves_its_harvests(agency: Agency) -> None:
    assert agency.resume.reset("Ida") is None
    agency.clients("Ada")
    run_id = agency.resume.start(Ask()).run_id
    assert agency.resume.reset("Ida") == run_id
    assert agency.resume.reset("Ida") is None
    assert agency.job(run_id).status is ClientRunStatus.CANCELLED
    assert "Ida" in str(agency.job(run_id).note)
    assert agency.live() == [f"{run_id}-Ada"]
    agency.looks_until_quiet()
    again = agency.resume.start(Ask())
    assert [one.decision for one in again.clients] == [TAKEN_ON]
    agency.end(f"{run_id}-Ada")
    assert agency.job(run_id).status is ClientRunStatus.CANCELLED
    assert agency.job(again.run_id).status is COMPLETED


def test_a_retried_client_run_of_an_older_one_stands_beside_the_live_one(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    first = agency.resume.start(Ask(client_id="Ada")).run_id
    agency.end(f"{first}-Ada", ClientRunStatus.FAILED)
    second = agency.resume.start(Ask(client_id="Bo")).run_id
    with agency.ledger.write() as tx:
        job_runs.reopen(tx, first)
    assert agency.resume.state()["runId"] == second
    assert agency.job(first).plan is JobPlan.RESUME


def test_of_many_at_once_one_is_live(ledger_url: str) -> None:
    with opened(ledger_url, lock_seconds=60) as ledger:
        agency = Agency(ledger, FakeClock())
        agency.clients("Ada", "Bo")

        def start(_: int) -> JobAnswer | str:
            try:
                return agency.resume.start(Ask())
            except ResumeInProgress as refused:
                return refused.run_id

        came = at_once([partial(start, number) for number in range(12)])
        (answer,) = [one for one in came if isinstance(one, JobAnswer)]
        assert {one for one in came if isinstance(one, str)} == {answer.run_id}
        assert len(agency.all_jobs()) == 1


def test_a_look_without_work_writes_nothing_and_one_with_a_live_job_is_rare(
    agency: Agency, clock: FakeClock
) -> None:
    assert not agency.is_due()
    agency.clients("Ada", "Bo")
    agency.process.order(Ask(client_id="Ada"))
    clock.advance(seconds=59)
    assert not agency.is_due()
    agency.resume.start(Ask(client_id="Bo"))
    assert not agency.is_due()
    clock.advance(seconds=10)
    agency.looks_until_quiet()
    assert not agency.is_due()


def test_a_report_says_what_went_wrong_and_a_ping_is_due_unless_all_of_it_did(
    agency: Agency, lines: pytest.LogCaptureFixture
) -> None:
    agency.clients("Ada", "Bo")
    for good, run_id in ((True, "261122-050000"), (False, "261122-050001")):
        answer = agency.process.order(Ask(schedule="all"))
        assert answer.run_id == run_id
        agency.end(f"{run_id}-Ada", COMPLETED if good else ClientRunStatus.FAILED)
        agency.end(f"{run_id}-Bo", ClientRunStatus.CANCELLED if good else ClientRunStatus.FAILED)
        agency.looks_until_quiet()
    assert agency.pings() == {"261122-050000": True, "261122-050001": False}
    (told,) = [text for key, text in agency.alerts().items() if key.startswith("report")]
    assert "261122-050001 ended Failed" in told
    assert "2 clients: 2 harvested" in told
    assert "Ada: 261122-050001-Ada ended Failed" in "\n".join(one.getMessage() for one in lines.records)


def test_a_job_run_whose_client_runs_vanished_is_ended(agency: Agency, clock: FakeClock) -> None:
    agency.clients("Ada", "Bo", "Cy")
    make_leads(agency.ledger, "Bo", 1)
    run_id = agency.process.order(Ask()).run_id
    agency.end(f"{run_id}-Cy")
    with agency.ledger.write() as tx:
        tx.connection.exec_driver_sql(f"delete from client_runs where client_run_id <> '{run_id}-Cy'")
        (batch,) = actor_runs.of_client_run(tx, f"{run_id}-Bo")
    clock.advance(seconds=60)
    agency.looks_until_quiet()
    assert agency.job(run_id).status is ClientRunStatus.RUNNING  # Bo's leads are on their way to Apify
    harvested(agency.ledger, batch, posts_found=1)
    clock.advance(seconds=60)
    agency.looks_until_quiet()
    ended = agency.job(run_id)
    assert ended.status is ClientRunStatus.COMPLETED_WITH_ERRORS
    assert ended.note == "the records of 2 client runs were deleted: how they ended is not known"


def test_what_was_ended_otherwise_is_no_finding_of_the_check(ledger: Ledger) -> None:
    agency = Agency(ledger, FakeClock())
    agency.clients("Ada", "Bo")
    agency.kickoff.broken = frozenset({"Bo"})
    reset = agency.resume.start(Ask(client_id="Ada")).run_id
    agency.resume.reset("Ida")
    resumed = agency.resume.start(Ask()).run_id
    agency.end(f"{reset}-Ada")
    with ledger.read() as tx:
        found = {job.run_id: job for job in self_checks.jobs(tx)}
    assert set(found) == {resumed}
    assert found[resumed].status is agency.job(resumed).status is ClientRunStatus.COMPLETED_WITH_ERRORS
    assert sorted(found[resumed].client_runs) == [COMPLETED, ClientRunStatus.FAILED]


def test_its_report_names_each_client_what_went_wrong_first_and_the_log_all_of_them(
    agency: Agency, lines: pytest.LogCaptureFixture
) -> None:
    agency.clients(*(f"C{number:02}" for number in range(25)), "Zed")
    agency.clients("Met", daily_target=0)
    run_id = agency.resume.start(Ask()).run_id
    for number in range(25):
        agency.end(f"{run_id}-C{number:02}", cost_micros=12_000)
    agency.end(f"{run_id}-Zed", ClientRunStatus.FAILED, posts_harvested=1)
    agency.looks_until_quiet()
    (told,) = [text for key, text in agency.alerts().items() if key.startswith("report")]
    _, first, *others = told.splitlines()
    assert first.startswith(f"Zed: {run_id}-Zed ended Failed, 1 post, 0.0000 USD: ")
    assert others[0] == f"C00: {run_id}-C00 ended Completed, 0 posts, 0.0120 USD"
    assert len(others) == 20
    assert others[-1] == f"… and 7 more: see harvester jobs {run_id}"
    logged = [one.getMessage() for one in lines.records]
    assert sum(f" {run_id}-C" in line and "0.0120 USD" in line for line in logged) == 25
    assert "Met: skipped: the client's daily target is 0" in logged
