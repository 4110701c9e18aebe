"""Several processes on one ledger: a scheduled time becomes one job run, whoever is first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from factories import FakeClock, make_client, make_leads

from harvester.jobs import JobDecision
from harvester.ledger import Ledger, Tx, job_clients, job_runs, schedules
from services.schedule import Schedule
from services.scheduled import Firing, Scheduled, job_runs_of

from .several import RULES, process_on

PROCESSES = 3
DAYS = 12


@pytest.mark.slow
def test_threads_of_several_processes_fire_each_time_once(ledger_url: str, ledger: Ledger) -> None:
    with ExitStack() as stack:
        found = [stack.enter_context(started(ledger_url)) for _ in range(PROCESSES)]
        assert [line(one) for one in found] == ["ready\n"] * PROCESSES
        for day in range(DAYS):
            for one in found:
                assert one.stdin is not None
                one.stdin.write("go\n")
                one.stdin.flush()
            assert sum(int(line(one)) for one in found) == day + 1
    with ledger.read() as tx:
        jobs = job_runs.page(tx, limit=100)[0]
    assert len(jobs) == DAYS
    assert {(job.schedule, job.without_schedule, job.source) for job in jobs} == {
        ("all", True, "master_process")
    }


@contextmanager
def started(ledger_url: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "schedule.several", ledger_url, str(DAYS)]
    folder = Path(__file__).parent.parent
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_a_firing_kicks_off_those_whom_the_schedule_is_for(ledger: Ledger, clock: FakeClock) -> None:
    for client_id, schedule in (("Own", "0 6 * * *"), ("Common", None), ("Asleep", None)):
        make_client(
            ledger, client_id, schedule=schedule, status="Paused" if client_id == "Asleep" else "Active"
        )
        make_leads(ledger, client_id)
    process = process_on(ledger, clock)
    Schedule(ledger, RULES, clock).sync()
    clock.advance(days=2)
    Scheduled(ledger, job_runs_of(process), clock, missed="last")()
    with ledger.read() as tx:
        due = job_runs.to_kick_off(tx, now=clock(), limit=10)
    decided = {}
    for run_id in due:
        process.carry_on(run_id)
        with ledger.read() as tx:
            job = job_runs.get(tx, run_id)
            assert job is not None
            decided[job.schedule] = [(one.client_id, one.decision) for one in job_clients.of_job(tx, run_id)]
    assert decided == {
        "all": [("Common", JobDecision.STARTED)],
        "client Own": [("Own", JobDecision.STARTED)],
    }


def test_a_time_that_was_fired_is_not_fired_again_though_the_row_was_forgotten(
    ledger: Ledger, clock: FakeClock
) -> None:
    """The schedule was taken away and given back; a process whose clock is behind has done the latter."""
    fire = job_runs_of(process_on(ledger, clock))
    for _ in range(2):
        with ledger.write() as tx:
            schedules.remove(tx, "all")
            schedules.put(tx, "all", "0 5 * * *", "UTC", next_at=clock.now)
        Scheduled(ledger, fire, clock, missed="last")()
    with ledger.read() as tx:
        assert len(job_runs.page(tx, limit=10)[0]) == 1


def test_what_dies_before_its_commit_has_fired_nothing(ledger: Ledger, clock: FakeClock) -> None:
    reserve = job_runs_of(process_on(ledger, clock))

    def die(tx: Tx, firing: Firing) -> str:
        reserve(tx, firing)
        raise KeyboardInterrupt

    Schedule(ledger, RULES, clock).sync()
    clock.advance(days=1)
    with pytest.raises(KeyboardInterrupt):
        Scheduled(ledger, die, clock, missed="skip")()
    with ledger.read() as tx:
        assert job_runs.page(tx, limit=10)[0] == []
    clock.advance(minutes=4)
    Scheduled(ledger, reserve, clock, missed="skip")()
    with ledger.read() as tx:
        (job,) = job_runs.page(tx, limit=10)[0]
    assert job.kickoffs_due_at == clock.now
