"""A job run's end: it is over when everybody was decided about, and no client run of it is live any more.

Its client runs are those of its base run ID, and those of others that it has taken on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from harvester.jobs import JobDecision, JobRun
from harvester.ledger import Tx, job_clients, job_runs
from harvester.models import ClientRun, ClientRunStatus

#: Note of a job run that has kicked nobody off, and did not fail to.
NOBODY: Final = "nobody was to be harvested"


def client_run_ended(tx: Tx, run: ClientRun, *, now: datetime) -> None:
    """A client run has ended: so may have the job runs that it belongs to."""
    for run_id in sorted({run.run_id, *job_clients.jobs_of(tx, run.client_run_id)}):
        close_if_over(tx, run_id, now=now)


def close_if_over(tx: Tx, run_id: str, *, now: datetime) -> bool:
    """End a job run that has nothing left to wait for. False if it has, or if it was ended before."""
    # Whoever else ends or joins this job now waits here, or two last ones would each see the other live.
    job = job_runs.get(tx, run_id, lock=True)
    if job is None or job.kickoffs_due_at is not None or job.status is not ClientRunStatus.RUNNING:
        return False
    if job_clients.any_live(tx, run_id):
        if job.holds is not None:
            job_runs.look(tx, run_id, heartbeat_at=now)
        return False
    nobody = job.plan is not None and not job_clients.statuses(tx, run_id)
    status = summed_up(tx, job)
    note = NOBODY if nobody and status is ClientRunStatus.COMPLETED else None
    job_runs.close(tx, run_id, status=status, note=note, now=now)
    return True


def summed_up(tx: Tx, job: JobRun) -> ClientRunStatus:
    """Say how a job run ended, from its client runs and those that could not be started."""
    failed = job_clients.counts(tx, [job.run_id])[job.run_id][JobDecision.FAILED]
    return worst_of([*job_clients.statuses(tx, job.run_id), *[ClientRunStatus.FAILED] * failed])


def worst_of(statuses: list[ClientRunStatus]) -> ClientRunStatus:
    """Sum up how the client runs of a job ended; without any, all is well."""
    if all(status is ClientRunStatus.COMPLETED for status in statuses):
        return ClientRunStatus.COMPLETED
    for same in (ClientRunStatus.FAILED, ClientRunStatus.CANCELLED):
        if all(status is same for status in statuses):
            return same
    return ClientRunStatus.COMPLETED_WITH_ERRORS
