"""Pings that are due: one for each scheduled job run that is over and has not failed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from harvester.jobs import JobRun
from harvester.ledger import job_runs as ledger_job_runs
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs


def due(tx: Tx, *, now: datetime, limit: int) -> list[JobRun]:
    """Give the job runs whose ping is due, the one that waits longest first."""
    # The first condition is the index's own, or SQLite would not take it.
    is_due = (job_runs.c.ping_due_at.is_not(None), job_runs.c.ping_due_at <= now)
    statement = select(job_runs).where(*is_due).order_by(job_runs.c.ping_due_at).limit(limit)
    return [ledger_job_runs.from_row(row) for row in tx.execute(statement)]


def put_off(tx: Tx, run_ids: list[str], *, until: datetime | None) -> None:
    """Have these pings tried again at a moment; None: not any more."""
    tx.execute(update(job_runs).where(job_runs.c.run_id.in_(run_ids)).values(ping_due_at=until))
