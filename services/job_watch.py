"""Looking after job runs: kickoffs that somebody left off, heartbeats, ends, reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.errors import HarvesterError
from harvester.jobs import JobRun
from harvester.ledger import Blocked, Ledger, TookTooLong, Tx, job_runs
from harvester.models import ClientRunStatus
from services import jobs
from services.job_reports import JobReports
from services.process import Process

#: How often a live smart resume is looked after, and how often any other job run.
_HEARTBEAT: Final = timedelta(seconds=10)
_SELDOM: Final = timedelta(seconds=60)
#: Job runs whose kickoffs one turn goes on with.
_AT_ONCE: Final = 20

_log = log.get_logger(__name__)


class JobWatch:
    """A chore of the workers: whatever a job run waits for that no client run of it brings about."""

    def __init__(
        self,
        ledger: Ledger,
        process: Process,
        reports: JobReports,
        clock: Callable[[], datetime],
        *,
        owner: str,
        later: timedelta,
    ) -> None:
        """Build it. `later`: how long kickoffs wait that could not be gone on with."""
        self._ledger = ledger
        self._process = process
        self._reports = reports
        self._clock = clock
        self._owner = owner
        self._later = later

    def due(self, tx: Tx) -> bool:
        """Say whether there is something to do, by two reads of what is unfinished alone."""
        now = self._clock()
        if job_runs.to_kick_off(tx, now=now, limit=1):
            return True
        return any(_has_ended(job) or _is_alone(job, now) for job in job_runs.unreported(tx))

    def __call__(self) -> None:
        """Look after what is live, tell of what has ended, and go on with kickoffs, which may take long.

        What is in the way of one job run is in the way of no other. Raises `LedgerUnavailable`.
        """
        with self._ledger.read() as tx:
            unreported = job_runs.unreported(tx)
            due = job_runs.to_kick_off(tx, now=self._clock(), limit=_AT_ONCE)
        alone = [job for job in unreported if not _has_ended(job) and _is_alone(job, self._clock())]
        _each(self._looked_after, alone)
        _each(lambda job: self._reports.tell(job.run_id), unreported)  # which may have ended only now
        for run_id in due:
            self._carried_on(run_id)

    def _carried_on(self, run_id: str) -> None:
        try:
            self._process.carry_on(run_id)
        except Exception as error:
            if isinstance(error, HarvesterError):
                _log.warning("Job run %s cannot go on now: %s", run_id, error)
            else:
                _log.exception("Job run %s cannot go on now", run_id)
            # With the ledger away this fails as well, and the turn is over.
            with self._ledger.write() as tx:
                job = job_runs.get(tx, run_id, lock=True)
                if job is not None and job.kickoffs_due_at is not None:
                    job_runs.look(tx, run_id, kickoffs_due_at=self._clock() + self._later)

    def _looked_after(self, job: JobRun) -> None:
        """Keep its heartbeat; and end it, if what it waited for is gone without a word."""
        now = self._clock()
        with self._ledger.write() as tx:
            job_runs.look(tx, job.run_id, owner=self._owner, heartbeat_at=now)
            jobs.close_if_over(tx, job.run_id, now=now)


def _each(do: Callable[[JobRun], object], those: Iterable[JobRun]) -> None:
    """Do it for each, whatever one of them is held up by."""
    for job in those:
        try:
            do(job)
        except (Blocked, TookTooLong) as error:
            _log.warning("Job run %s is looked at again later: %s", job.run_id, error)


def _has_ended(job: JobRun) -> bool:
    return job.status is not ClientRunStatus.RUNNING


def _is_alone(job: JobRun, now: datetime) -> bool:
    """Say whether nobody has looked after a live job run for as long as it may be."""
    often = _HEARTBEAT if job.holds is not None else _SELDOM
    return now - (job.heartbeat_at or job.started_at) >= often
