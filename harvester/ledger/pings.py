"""Pings that are due: one for each scheduled job run that is over and has not failed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update

from harvester.jobs import JobRun
from harvester.ledger import job_runs as ledger_job_runs
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs


def due(tx: Tx, *, now: datetime, limit: int) -> list[JobRun]:
    """Give the job runs whose ping is due, the one that waits longest first."""
    statement = select(job_runs).where(*_due(now)).order_by(job_runs.c.ping_due_at).limit(limit)
    return [ledger_job_runs.from_row(row) for row in tx.execute(statement)]


def any_due(tx: Tx, *, now: datetime) -> bool:
    """Say whether there is one; asked at every tick, and so for one column alone."""
    return tx.execute(select(job_runs.c.run_id).where(*_due(now)).limit(1)).first() is not None


def _due(now: datetime) -> tuple[ColumnElement[bool], ...]:
    # The first condition is the index's own, or SQLite would not take it.
    return job_runs.c.ping_due_at.is_not(None), job_runs.c.ping_due_at <= now


def put_off(tx: Tx, run_ids: list[str], *, until: datetime | None) -> None:
    """Have these pings tried again at a moment; None: not any more."""
    tx.execute(update(job_runs).where(job_runs.c.run_id.in_(run_ids)).values(ping_due_at=until))
