"""Job runs: the job tracking record, one per base run ID."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from harvester.jobs import JobPlan, JobRun
from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRunStatus


def from_row(row: Any) -> JobRun:
    """Read one row."""
    plan = JobPlan(row.plan) if row.plan else None
    return rows.as_record(JobRun, row, status=ClientRunStatus(row.status), plan=plan)


def reserve(tx: Tx, run_id: str, *, source: str, now: datetime) -> bool:
    """Take a base run ID. False if it is taken."""
    tx.owe(Kind.JOB_RUN, run_id)
    return rows.insert_unless_there(
        tx, job_runs, run_id=run_id, source=source, status=ClientRunStatus.RUNNING, started_at=now
    )


def mint(tx: Tx, candidates: Iterable[str], *, source: str, now: datetime) -> str:
    """Take the first of these base run IDs that is free, and that nobody is about to take.

    Of kickoffs at the same second, each would else wait for the one before it to commit.
    """
    return next(
        run_id
        for run_id in candidates
        if tx.first_at(f"run ID {run_id}") and reserve(tx, run_id, source=source, now=now)
    )


def get(tx: Tx, run_id: str, *, lock: bool = False) -> JobRun | None:
    """Give the job run of this base run ID; with `lock`, nobody else may change it until the end of `tx`."""
    statement = select(job_runs).where(job_runs.c.run_id == run_id)
    row = tx.execute(statement.with_for_update() if lock else statement).one_or_none()
    return from_row(row) if row else None


def close(tx: Tx, run_id: str, *, status: ClientRunStatus, now: datetime) -> None:
    """End a job run; a later end replaces an earlier one, as a second kickoff may have joined it."""
    tx.owe(Kind.JOB_RUN, run_id)
    statement = update(job_runs).where(job_runs.c.run_id == run_id)
    tx.execute(statement.values(status=status, finished_at=now))


def reopen(tx: Tx, run_id: str) -> None:
    """A client run has joined: the job run is not over."""
    tx.owe(Kind.JOB_RUN, run_id)
    statement = update(job_runs).where(job_runs.c.run_id == run_id)
    tx.execute(statement.values(status=ClientRunStatus.RUNNING, finished_at=None))
