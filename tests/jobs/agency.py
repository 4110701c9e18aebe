"""An agency whose clients are kicked off, die in between, and end as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from factories import FakeClock, make_client, make_limits
from sqlalchemy import select, update

from harvester.errors import HarvesterError
from harvester.jobs import JobClient, JobRun
from harvester.ledger import Ledger, Tx, client_runs, job_clients, job_runs, job_tables, tables
from harvester.models import ClientRun, ClientRunStatus
from services import jobs, run_records
from services.decisions import Decisions
from services.job_reports import JobReports
from services.job_watch import JobWatch
from services.kickoff import Answer, Kickoff, Order, Unread
from services.process import AT_ONCE, Process
from services.smart_resume import SmartResume

LEASE = timedelta(seconds=25)
STALE = timedelta(minutes=10)
RECENT = timedelta(hours=24)


class Died(BaseException):
    """The process is gone: no handler of ours may catch this."""


class KickoffOfSome(Kickoff):
    """A kickoff that goes wrong for some clients, as a mistake of ours would."""

    broken: frozenset[str] = frozenset()
    unforeseen: Callable[[str], Exception] = ValueError

    def within(self, tx: Tx, order: Order) -> Answer:
        """Carry out an order, and fail in the middle of it for those that are broken."""
        answer = super().within(tx, order)
        if order.client_id in self.broken:
            raise self.unforeseen(f"no kickoff of {order.client_id} today\nSECRET")
        return answer


class MortalDecisions(Decisions):
    """Decides until it dies, in the middle of a transaction."""

    lives: int | None = None

    def __call__(self, tx: Tx, job: JobRun, client_id: str, now: Any) -> JobClient:
        """Decide about one client, if it still can."""
        decided = super().__call__(tx, job, client_id, now)
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                raise Died
        return decided


@dataclass
class Agency:
    """One process of ours on a ledger, and the outside world of it."""

    ledger: Ledger
    clock: FakeClock
    owner: str = "here"
    at_once: int = AT_ONCE
    unread: Unread | None = None
    kickoff: KickoffOfSome = field(init=False)
    decide: MortalDecisions = field(init=False)
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.kickoff = KickoffOfSome(self.ledger, make_limits(), self.clock)
        self.decide = MortalDecisions(self.kickoff, make_limits(), recent=RECENT)
        self.process = Process(
            self.ledger,
            self.decide,
            self.clock,
            lease=LEASE,
            stale=STALE,
            owner=self.owner,
            read_clients=lambda: self.unread,
            at_once=self.at_once,
        )
        self.reports = JobReports(self.ledger, self.clock)
        self.resume = SmartResume(self.ledger, self.process, self.clock, stale=STALE)
        self.watch = JobWatch(
            self.ledger, self.process, self.reports, self.clock, owner=self.owner, later=LEASE
        )

    def clients(self, *names: str, **changes: Any) -> list[str]:
        """Store clients that may harvest."""
        return [make_client(self.ledger, name, **changes).client_id for name in names]

    def is_due(self) -> bool:
        """Say whether a worker that looks finds something to do."""
        with self.ledger.read() as tx:
            return self.watch.due(tx)

    def looks_until_quiet(self) -> None:
        """Have a worker do what is due until nothing is."""
        for _ in range(20):
            if not self.is_due():
                return
            self.watch()
        raise AssertionError("the chore is due again and again")

    def job(self, run_id: str) -> JobRun:
        """Give a job run; it must be there."""
        with self.ledger.read() as tx:
            found = job_runs.get(tx, run_id)
        assert found is not None
        return found

    def all_jobs(self) -> list[JobRun]:
        """Give every job run, the newest first."""
        with self.ledger.read() as tx:
            return job_runs.page(tx, limit=1_000)[0]

    def decided(self, run_id: str) -> dict[str, JobClient]:
        """Give what a job run decided, by client."""
        with self.ledger.read() as tx:
            return {one.client_id: one for one in job_clients.of_job(tx, run_id)}

    def runs(self, run_id: str | None = None) -> list[ClientRun]:
        """Give client runs: a job run's own, or all."""
        with self.ledger.read() as tx:
            return client_runs.page(tx, limit=1_000, run_id=run_id)[0]

    def live(self) -> list[str]:
        """Name the live client runs, by ID."""
        return sorted(run.client_run_id for run in self.runs() if run.status is ClientRunStatus.RUNNING)

    def end(self, full_id: str, status: ClientRunStatus = ClientRunStatus.COMPLETED, **metrics: int) -> None:
        """End a client run as settling does, with these metrics."""
        with self.ledger.write() as tx:
            run = client_runs.get(tx, full_id, lock=True)
            assert run is not None
            run_records.complete(
                tx, run, status, source="test", note=f"so it ended {status}", now=self.clock()
            )
            if metrics:
                tx.execute(
                    update(tables.client_runs)
                    .where(tables.client_runs.c.client_run_id == full_id)
                    .values(**metrics)
                )
            jobs.client_run_ended(tx, run, now=self.clock())

    def alerts(self) -> dict[str, str]:
        """Give what somebody is told of, by key."""
        alerts = tables.metadata.tables["alerts"]
        with self.ledger.read() as tx:
            return {row.key: row.text for row in tx.execute(select(alerts))}

    def pings(self) -> dict[str, bool]:
        """Say of each job run whether a ping of it is due."""
        table = job_tables.job_runs
        with self.ledger.read() as tx:
            return {row.run_id: row.ping_due_at is not None for row in tx.execute(select(table))}


class Refused(HarvesterError):
    """What a service of ours may raise on purpose."""
