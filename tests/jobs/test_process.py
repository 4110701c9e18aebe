"""All clients in one call: each by itself, under one run ID, nobody forgotten and nobody twice."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial

import hypothesis
import pytest
from factories import NOW, RUN_ID, FakeClock, end_run, make_leads, on_one_ledger, opened
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once

from harvester.errors import InvalidInput
from harvester.jobs import JobDecision, JobPlan
from harvester.ledger import Ledger, actor_runs
from harvester.models import ActorRunState, ClientRunStatus
from services.jobs import worst_of
from services.kickoff import ClientsNotRead, KeyReused, Order, UnknownClient, Unread
from services.process import Ask, JobAnswer, RunExists

from .agency import LEASE, Agency, Died, Refused

STARTED, SKIPPED, FAILED = JobDecision.STARTED, JobDecision.SKIPPED, JobDecision.FAILED
COMPLETED = ClientRunStatus.COMPLETED
ENDS = [COMPLETED, ClientRunStatus.FAILED, ClientRunStatus.COMPLETED_WITH_ERRORS, ClientRunStatus.CANCELLED]
_streams = itertools.count(100)


def codes(answer: JobAnswer) -> dict[str, str | None]:
    """Give what was decided about each client in one word: its code, or the decision."""
    return {one.client_id: one.code or str(one.decision) for one in answer.clients}


def test_every_active_client_is_decided_about_and_kicked_off_by_itself(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    agency.clients("Cy", status="Paused")
    agency.clients("Di", service_level=1)
    agency.clients("Ed", daily_target=0)
    make_leads(agency.ledger, "Ada", 3)
    answer = agency.process.order(Ask())
    assert answer.run_id == RUN_ID
    assert codes(answer) == {"Ada": "started", "Bo": "started", "Di": "not_entitled", "Ed": "no_target"}
    assert agency.live() == [f"{RUN_ID}-Ada", f"{RUN_ID}-Bo"]
    with agency.ledger.read() as tx:
        assert [batch.profiles for batch in actor_runs.of_client_run(tx, f"{RUN_ID}-Ada")] == [3]
    assert {run.source for run in agency.runs()} == {agency.job(RUN_ID).source} == {"master_process"}


@pytest.mark.parametrize(
    ("ask", "named"),
    [
        (Ask(stream=2), ["Bo", "Cy"]),
        (Ask(limit=2), ["Ada", "Bo"]),
        (Ask(stream=2, limit=1), ["Bo"]),
        (Ask(client_id="Cy"), ["Cy"]),
        (Ask(client_id="Ada", stream=2), []),
        (Ask(stream=3), []),
        (Ask(without_schedule=True), ["Ada", "Cy"]),
    ],
)
def test_it_is_narrowed(agency: Agency, ask: Ask, named: list[str]) -> None:
    agency.clients("Ada")
    agency.clients("Bo", stream=2, daily_target=0, schedule="0 5 * * *")
    agency.clients("Cy", stream=2)
    answer = agency.process.order(ask)
    assert [one.client_id for one in answer.clients] == named
    assert [run.client_id for run in reversed(agency.runs())] == [name for name in named if name != "Bo"]


def test_one_client_that_may_not_be_harvested_is_named_with_the_reason(agency: Agency) -> None:
    agency.clients("Ada", status="Paused")
    answer = agency.process.order(Ask(client_id="Ada"))
    assert codes(answer) == {"Ada": "client_inactive"}
    assert (agency.job(RUN_ID).status, agency.job(RUN_ID).note) == (COMPLETED, "nobody was to be harvested")


@pytest.mark.parametrize("client_id", ["Nobody", "no body", ""])
def test_an_unknown_client_makes_no_job_run(agency: Agency, client_id: str) -> None:
    with pytest.raises(UnknownClient):
        agency.process.order(Ask(client_id=client_id))
    assert agency.all_jobs() == []


def test_a_bad_order_makes_no_job_run(agency: Agency) -> None:
    for ask in (Ask(source="cron"), Ask(source="manual"), Ask(run_id=f"{RUN_ID}-Ada"), Ask(limit=0)):
        with pytest.raises(InvalidInput):
            agency.process.order(ask)
    assert agency.all_jobs() == []


def test_a_live_client_run_is_left_alone(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    live = agency.kickoff(Order("Ada")).client_run_id
    answer = agency.process.order(Ask())
    assert codes(answer) == {"Ada": "run_in_progress", "Bo": "started"}
    assert str(live) in str(answer.clients[0].reason)
    assert answer.clients[0].client_run_id is None


def test_an_error_in_one_kickoff_touches_no_other(agency: Agency, lines: pytest.LogCaptureFixture) -> None:
    agency.clients("Ada", "Bo", "Cy")
    make_leads(agency.ledger, "Bo", 2)
    agency.kickoff.broken = frozenset({"Bo"})
    answer = agency.process.order(Ask())
    assert codes(answer) == {"Ada": "started", "Bo": "kickoff_failed", "Cy": "started"}
    assert answer.clients[1].reason == "ValueError: no kickoff of Bo today"
    assert [run.client_id for run in agency.runs()] == ["Cy", "Ada"]
    with agency.ledger.read() as tx:
        assert actor_runs.of_client_run(tx, f"{RUN_ID}-Bo") == []
    assert any("no kickoff of Bo today" in text for text in agency.alerts().values())
    told = [one.getMessage() for one in lines.records]
    assert f"Successfully created client run record for {RUN_ID}-Ada" in told
    assert f"Successfully created client run record for {RUN_ID}-Bo" not in told
    for full_id in agency.live():
        agency.end(full_id)
    assert agency.job(RUN_ID).status is ClientRunStatus.COMPLETED_WITH_ERRORS


def test_a_job_run_of_nothing_but_errors_has_failed(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    agency.kickoff.broken, agency.kickoff.unforeseen = frozenset({"Ada", "Bo"}), Refused
    answer = agency.process.order(Ask(schedule="all"))
    assert {one.decision for one in answer.clients} == {FAILED}
    assert agency.job(RUN_ID).status is ClientRunStatus.FAILED
    agency.looks_until_quiet()
    assert agency.pings() == {RUN_ID: False}


def test_one_key_is_one_order(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    first = agency.process.order(Ask(stream=1, idempotency_key="cron"))
    for full_id in agency.live():
        agency.end(full_id)
    assert agency.process.order(Ask(stream=1, idempotency_key="cron")) == first
    assert len(agency.all_jobs()) == 1
    for other in (Ask(idempotency_key="cron"), Ask(stream=1, limit=1, idempotency_key="cron")):
        with pytest.raises(KeyReused):
            agency.process.order(other)
    with pytest.raises(KeyReused):
        agency.kickoff(Order("Ada", idempotency_key="cron"))


def test_a_given_run_id_is_taken_once(agency: Agency) -> None:
    agency.clients("Ada", "Bo")
    agency.kickoff(Order("Ada", run_id="261101-060000"))
    joined = agency.process.order(Ask(run_id="261101-060000"))
    assert {one.client_run_id for one in joined.clients} == {"261101-060000-Ada", "261101-060000-Bo"}
    assert {one.decision for one in joined.clients} == {STARTED}
    with pytest.raises(RunExists):
        agency.process.order(Ask(run_id="261101-060000"))
    assert len(agency.runs()) == 2


def test_clients_that_were_not_read_lately_are_not_gone_by(agency: Agency) -> None:
    agency.clients("Ada", origin="airtable")
    agency.clients("Bo")
    agency.unread = Unread("no route", too_old=True)
    with pytest.raises(ClientsNotRead):
        agency.process.order(Ask())
    with pytest.raises(ClientsNotRead):
        agency.process.order(Ask(client_id="Ada"))
    assert agency.all_jobs() == []
    assert codes(agency.process.order(Ask(client_id="Bo"))) == {"Bo": "started"}
    agency.unread = Unread("no route")
    with pytest.raises(ClientsNotRead):
        agency.process.order(Ask(client_id="Nobody"))
    assert codes(agency.process.order(Ask())) == {"Ada": "started", "Bo": "run_in_progress"}


def test_a_worker_tries_again_once_clients_can_be_read(agency: Agency, clock: FakeClock) -> None:
    agency.clients("Ada", origin="airtable")
    with agency.ledger.write() as tx:
        run_id = agency.process.reserve(tx, Ask(schedule="all"), clock())
    agency.unread = Unread("no route", too_old=True)
    assert agency.is_due()
    agency.watch()
    assert not agency.is_due()
    assert agency.decided(run_id) == {}
    agency.unread = None
    clock.advance(seconds=LEASE.total_seconds())
    agency.looks_until_quiet()
    assert set(agency.decided(run_id)) == {"Ada"}


def ordered(agency: Agency, ask: Ask, lives: int | None) -> None:
    """Order, and die when so many clients are decided about."""
    agency.decide.lives = lives
    try:
        agency.process.order(ask)
    except Died:
        pass
    finally:
        agency.decide.lives = None


@hypothesis.settings(on_one_ledger, max_examples=10)
@given(data=st.data())
def test_whoever_dies_and_whoever_goes_on_every_client_is_decided_about_once(
    ledger: Ledger, data: st.DataObject
) -> None:
    stream, clock = next(_streams), FakeClock()
    agency = Agency(ledger, clock, at_once=data.draw(st.integers(1, 4), label="at once"))
    names = agency.clients(*(f"s{stream}-{n}" for n in range(data.draw(st.integers(0, 7)))), stream=stream)
    agency.kickoff.broken = frozenset(data.draw(st.sets(st.sampled_from(names))) if names else ())
    keys: dict[str, set[str]] = {}
    before = {job.run_id for job in agency.all_jobs()}
    for _ in range(data.draw(st.integers(1, 6), label="steps")):
        match data.draw(st.sampled_from(["order", "watch", "end"])):
            case "order":
                key = data.draw(st.sampled_from([None, "a", "b"]))
                ask = Ask(stream=stream, idempotency_key=key and f"{key}{stream}")
                known = {job.run_id for job in agency.all_jobs()}
                ordered(agency, ask, data.draw(st.none() | st.integers(0, 6), label="lives"))
                made = {job.run_id for job in agency.all_jobs()} - known
                keys.setdefault(key or f"without {len(keys)}", set()).update(made)
            case "watch":
                clock.advance(seconds=data.draw(st.sampled_from([1, 30])))
                agency.watch()
            case "end":
                live = [one for one in agency.live() if f"s{stream}-" in one]
                if live:
                    status = data.draw(st.sampled_from(ENDS))
                    agency.end(data.draw(st.sampled_from(live)), status, posts_harvested=3, cost_micros=70)
    clock.advance(seconds=LEASE.total_seconds())
    agency.looks_until_quiet()
    for full_id in [one for one in agency.live() if f"s{stream}-" in one]:
        agency.end(full_id, posts_harvested=2, cost_micros=50)
    agency.looks_until_quiet()
    made = {job.run_id for job in agency.all_jobs()} - before
    assert all(len(runs) == 1 for runs in keys.values()), "one key made several job runs, or none"
    assert set().union(*keys.values()) == made
    started: Counter[str] = Counter()
    for run_id in made:
        started.update(judged(agency, run_id, names))
    assert started == Counter(run.client_run_id for run in agency.runs() if run.run_id in made)


def judged(agency: Agency, run_id: str, names: list[str]) -> list[str]:
    """Judge a job run that is over, and name the client runs that it started."""
    decided, own, job = agency.decided(run_id), agency.runs(run_id), agency.job(run_id)
    assert sorted(decided) == names
    statuses = [run.status for run in own]
    statuses += [ClientRunStatus.FAILED for one in decided.values() if one.decision is FAILED]
    assert job.status is worst_of(statuses)
    assert job.finished_at is not None
    assert job.reported_at is not None
    assert not agency.reports.tell(run_id), "told of twice"
    (row,) = [row for row in agency.reports.jobs(limit=1_000).rows if row["runId"] == run_id]
    report = agency.reports.report(run_id)
    assert report is not None
    for metrics in (row["metrics"], report["sums"]["metrics"]):
        assert metrics["postsHarvested"] == sum(run.metrics.posts_harvested for run in own)
        assert round(metrics["apifyCostUsd"] * 1e6) == sum(run.metrics.cost_micros for run in own)
    return [str(one.client_run_id) for one in decided.values() if one.decision is STARTED]


@pytest.mark.slow
def test_64_calls_at_once_start_everybody_once(ledger_url: str) -> None:
    with opened(ledger_url, lock_seconds=60) as ledger:
        agency = Agency(ledger, FakeClock(), at_once=2)
        names = agency.clients(*(f"C{number}" for number in range(5)))
        calls = [
            partial(agency.process.order, Ask(idempotency_key="one" if n % 2 else None)) for n in range(64)
        ]
        answers = at_once(calls)
        keyed = [answer for n, answer in enumerate(answers) if n % 2]
        assert len({answer.run_id for answer in keyed}) == 1
        assert all(answer == keyed[0] for answer in keyed)
        assert all([one.client_id for one in answer.clients] == names for answer in answers)
        assert sorted(run.client_id for run in agency.runs()) == names
        by_job = {answer.run_id: answer for answer in answers}
        assert len(by_job) == 33
        decisions = Counter(one.decision for answer in by_job.values() for one in answer.clients)
        assert decisions == {STARTED: 5, SKIPPED: 32 * 5}


def test_two_workers_at_once_go_on_with_one_job_run(ledger_url: str) -> None:
    with opened(ledger_url, lock_seconds=60) as ledger:
        agencies = [Agency(ledger, FakeClock(), owner=f"w{n}", at_once=1) for n in range(8)]
        names = agencies[0].clients(*(f"C{number}" for number in range(6)))
        with ledger.write() as tx:
            run_id = agencies[0].process.reserve(tx, Ask(plan=JobPlan.PROCESS), NOW)
        at_once([agency.watch for agency in agencies])
        assert sorted(agencies[0].decided(run_id)) == names
        assert sorted(run.client_id for run in agencies[0].runs(run_id)) == names


def test_a_client_whose_batches_of_the_day_are_used_up_gets_no_empty_record(agency: Agency) -> None:
    """Those that were given up before Apify had them are none of the day."""
    for client_id in ("Ada", "Bo"):
        agency.clients(client_id, max_batches=1)
        make_leads(agency.ledger, client_id, 3)
    first = agency.process.order(Ask()).run_id
    for client_id, apify_run_id in (("Ada", "WasStarted0000001"), ("Bo", None)):
        with agency.ledger.read() as tx:
            (batch,) = actor_runs.of_client_run(tx, f"{first}-{client_id}")
        end_run(agency.ledger, batch, ActorRunState.FAILED, now=agency.clock(), apify_run_id=apify_run_id)
        agency.end(f"{first}-{client_id}", ClientRunStatus.FAILED)
    agency.clock.advance(hours=1)
    for order in (agency.process.order, agency.resume.start):
        skipped, started = order(Ask()).clients
        assert (skipped.code, skipped.reason) == (
            "batches_used_up",
            "the client's batches of the day are used up",
        )
        assert started.decision is not JobDecision.SKIPPED
    assert sorted(run.client_id for run in agency.runs()) == ["Ada", "Bo", "Bo"]
