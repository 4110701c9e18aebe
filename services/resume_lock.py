"""The lock of the smart resume: one live job run holds it, in the ledger, across all processes."""

from __future__ import annotations

from datetime import datetime, timedelta

from harvester import log
from harvester.errors import HarvesterError
from harvester.jobs import JobPlan, JobRun
from harvester.ledger import Tx, job_runs
from harvester.models import ClientRunStatus

_log = log.get_logger(__name__)


class ResumeInProgress(HarvesterError):
    """A smart resume is live; there is one at a time."""

    def __init__(self, live: JobRun, now: datetime) -> None:
        self.run_id = live.run_id
        self.age_seconds = int((now - live.started_at).total_seconds())
        self.heartbeat_at = live.heartbeat_at
        seen = "never" if live.heartbeat_at is None else f"at {live.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(
            f"smart resume {live.run_id} is running, for {self.age_seconds} s now; last looked after {seen}"
        )


def is_stale(live: JobRun, now: datetime, after: timedelta) -> bool:
    """Say whether no worker has looked after a live smart resume for so long that it may be taken over."""
    return now - (live.heartbeat_at or live.started_at) > after


def to_take_over(tx: Tx, now: datetime, stale_after: timedelta) -> JobRun | None:
    """Give the stale smart resume that a new one has to take over; None if nobody holds the lock.

    Nobody else passes here until `tx` ends. Raises `ResumeInProgress`.
    """
    tx.exclusively("smart resume")
    live = job_runs.holder(tx, JobPlan.RESUME)
    if live is not None and not is_stale(live, now, stale_after):
        raise ResumeInProgress(live, now)
    return live


def taken_over(tx: Tx, stale: JobRun, by: str, now: datetime) -> None:
    """End a stale smart resume: another one goes on with what it has left."""
    seen = stale.heartbeat_at or stale.started_at
    note = f"taken over by {by}: no worker looked after it since {seen:%Y-%m-%d %H:%M:%S} UTC"
    job_runs.close(tx, stale.run_id, status=ClientRunStatus.FAILED, note=note, now=now)
    tx.after_commit(lambda: _log.warning("Smart resume %s: %s", stale.run_id, note))
