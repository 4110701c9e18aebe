"""A job run's end: it is over when everybody was decided about, and no client run of it is live any more.

Its client runs are those of its base run ID, and those of others that it has taken on.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final

from harvester.jobs import JobDecision, JobRun
from harvester.ledger import Tx, actor_runs, job_clients, job_runs
from harvester.models import ClientRun, ClientRunStatus
from harvester.run_ids import base_of

#: Note of a job run that has kicked nobody off, and did not fail to.
NOBODY: Final = "nobody was to be harvested"


def client_run_ended(tx: Tx, run: ClientRun, *, now: datetime) -> None:
    """A client run has ended: so may have the job runs that it belongs to."""
    for run_id in sorted({run.run_id, *job_clients.jobs_of(tx, run.client_run_id)}):
        close_if_over(tx, run_id, now=now)


def record_deleted(tx: Tx, full_id: str, *, now: datetime) -> None:
    """An actor run is over whose client run has no record any more: nothing else ends its job runs."""
    if actor_runs.last_batch(tx, full_id):
        for run_id in sorted({base_of(full_id), *job_clients.jobs_of(tx, full_id)}):
            close_if_over(tx, run_id, now=now, deleted=frozenset({full_id}))


def close_if_over(tx: Tx, run_id: str, *, now: datetime, deleted: frozenset[str] = frozenset()) -> bool:
    """End a job run that has nothing left to wait for. False if it has, or if it was ended before.

    `deleted` client runs of it are known to have no record any more; what a plan has decided names its own.
    """
    # Whoever else ends or joins this job now waits here, or two last ones would each see the other live.
    job = job_runs.get(tx, run_id, lock=True)
    if job is None or job.kickoffs_due_at is not None or job.status is not ClientRunStatus.RUNNING:
        return False
    deleted |= job_clients.deleted(tx, run_id)
    if job_clients.any_live(tx, run_id) or job_clients.any_at_work(tx, deleted):
        if job.holds is not None:
            job_runs.look(tx, run_id, heartbeat_at=now)
        return False
    nobody = job.plan is not None and not job_clients.statuses(tx, run_id)
    status = summed_up(tx, job, deleted)
    note = NOBODY if nobody and status is ClientRunStatus.COMPLETED else None
    job_runs.close(tx, run_id, status=status, note=_told(len(deleted)) if deleted else note, now=now)
    return True


def _told(deleted: int) -> str:
    if deleted == 1:
        return "the record of 1 client run was deleted: how it ended is not known"
    return f"the records of {deleted} client runs were deleted: how they ended is not known"


def summed_up(tx: Tx, job: JobRun, deleted: Collection[str] = ()) -> ClientRunStatus:
    """Say how a job run ended, from its client runs and those that could not be started.

    Of those whose records were `deleted` nobody knows: not all is well with them in it.
    """
    failed = job_clients.counts(tx, [job.run_id])[job.run_id][JobDecision.FAILED]
    unknown = [ClientRunStatus.COMPLETED_WITH_ERRORS] * len(deleted)
    return worst_of([*job_clients.statuses(tx, job.run_id), *[ClientRunStatus.FAILED] * failed, *unknown])


def worst_of(statuses: list[ClientRunStatus]) -> ClientRunStatus:
    """Sum up how the client runs of a job ended; without any, all is well."""
    if all(status is ClientRunStatus.COMPLETED for status in statuses):
        return ClientRunStatus.COMPLETED
    for same in (ClientRunStatus.FAILED, ClientRunStatus.CANCELLED):
        if all(status is same for status in statuses):
            return same
    return ClientRunStatus.COMPLETED_WITH_ERRORS
