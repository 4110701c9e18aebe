"""Schedules without the harvests: each firing reserves a job run and is written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from factories import FakeClock

from harvester import run_ids
from harvester.jobs import JobPlan
from harvester.ledger import Ledger, Tx, job_runs, schedules
from harvester.models import ClientRunStatus
from services.schedule import Missed, Rules, Schedule
from services.scheduled import Firing, Scheduled


@dataclass
class Stage:
    """One process: its schedule, and what it fires."""

    ledger: Ledger
    clock: FakeClock
    expression: str | None = "0 5 * * *"
    timezone: str = "Europe/London"
    missed: Missed = "last"
    fired: list[Firing] = field(default_factory=list)
    #: Called at each firing; may raise.
    before: Callable[[Firing], None] = lambda _: None

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.ledger, Rules(self.expression, self.timezone, self.missed), self.clock)

    @property
    def scheduled(self) -> Scheduled:
        return Scheduled(self.ledger, self._fire, self.clock, missed=self.missed)

    def _fire(self, tx: Tx, firing: Firing) -> str:
        self.before(firing)
        run_id = job_runs.mint(tx, run_ids.candidates(firing.now), source="master_process", now=firing.now)
        job_runs.look(tx, run_id, plan=JobPlan.PROCESS, schedule=firing.schedule)
        tx.after_commit(lambda: self.fired.append(firing))
        return run_id

    def look(self) -> bool:
        """Look as the worker does. Says whether something was due."""
        with self.ledger.read() as tx:
            due = self.scheduled.due(tx)
        if due:
            self.scheduled()
        return due

    def times(self, name: str = schedules.ALL) -> list[datetime]:
        """Give the times that were fired of a schedule."""
        return [one.time for one in self.fired if one.schedule == name]

    def end_jobs(self) -> None:
        """Have every job run be over."""
        with self.ledger.write() as tx:
            for job in job_runs.page(tx, limit=1000)[0]:
                if job.status is ClientRunStatus.RUNNING:
                    job_runs.close(tx, job.run_id, status=ClientRunStatus.COMPLETED, now=self.clock())

    def row(self, name: str = schedules.ALL) -> schedules.Schedule | None:
        with self.ledger.read() as tx:
            return schedules.every(tx).get(name)
