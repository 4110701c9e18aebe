"""All together: a scheduled time becomes a job run, its kickoffs, its end, its report and its ping."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli.processes import HARVESTER, environment, processes_in, until
from factories import FakeClock, make_client, make_leads, make_settings, opened

from harvester.jobs import JobDecision, JobRun
from harvester.ledger import Ledger, job_clients, job_runs, schedules
from harvester.models import ClientRunStatus
from services import Services, build

from .receiver import Receiver

#: Those of the worker's chores that ask nobody outside.
CHORES = ("schedules", "schedule changes", "jobs", "heartbeat")


def work(services: Services, turns: int) -> None:
    """Do what the worker's ticks would do."""
    for _ in range(turns):
        for name in services.chores.due():
            if name in CHORES:
                services.chores(name)


def jobs(ledger: Ledger) -> list[JobRun]:
    with ledger.read() as tx:
        return job_runs.page(tx, limit=100)[0]


def test_a_day_without_anything_to_do_is_a_day_that_ran(
    ledger_url: str, clock: FakeClock, receiver: Receiver
) -> None:
    settings = make_settings(database_url=ledger_url, schedule="0 5 * * *", heartbeat_url=receiver.url)
    with closing(build(settings, clock=clock)) as services:
        make_client(services.ledger, daily_target=0)
        for _ in range(3):
            work(services, 5)
            clock.advance(days=1)
        work(services, 5)
        found = jobs(services.ledger)
    assert [(job.schedule, job.status) for job in found] == [("all", ClientRunStatus.COMPLETED)] * 3
    assert len(receiver.asked) == 3


def test_a_failed_day_is_not_pinged_for(ledger_url: str, clock: FakeClock, receiver: Receiver) -> None:
    settings = make_settings(database_url=ledger_url, heartbeat_url=receiver.url)
    with closing(build(settings, clock=clock)) as services:
        make_client(services.ledger, schedule="0 5 * * *")
        make_leads(services.ledger)
        work(services, 3)
        clock.advance(days=1)
        work(services, 3)
        (job,) = jobs(services.ledger)
        with services.ledger.read() as tx:
            (decided,) = job_clients.of_job(tx, job.run_id)
        assert decided.decision is JobDecision.STARTED
        with services.ledger.write() as tx:
            job_runs.close(tx, job.run_id, status=ClientRunStatus.FAILED, now=clock())
        work(services, 3)
        (job,) = jobs(services.ledger)
    assert job.reported_at is not None
    assert receiver.asked == []


@pytest.mark.slow
def test_a_worker_fires_what_was_missed_while_none_ran(
    sqlite_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    environ = environment(DATABASE_URL=sqlite_url, SCHEDULE="0 5 * * *", HEARTBEAT_URL=receiver.url)
    missed = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0) - timedelta(days=3)
    with opened(sqlite_url) as ledger, processes_in(tmp_path) as processes:
        make_client(ledger, daily_target=0)
        with ledger.write() as tx:
            schedules.put(tx, schedules.ALL, "0 5 * * *", "UTC", next_at=missed)
        workers = [processes.start(*HARVESTER, "worker", environ=environ) for _ in range(2)]
        until(lambda: bool(receiver.asked), 60, lambda: "\n".join(one.output for one in workers))
        (job,) = jobs(ledger)
        with ledger.read() as tx:
            row = schedules.every(tx)[schedules.ALL]
    assert (job.schedule, job.status) == ("all", ClientRunStatus.COMPLETED)
    assert row.next_at is not None
    assert row.next_at > datetime.now(UTC)
