"""Job runs: the job tracking record, one per base run ID."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, Update, bindparam, select, update

from harvester.jobs import JobPlan, JobRun
from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_clients, job_runs
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRunStatus

#: Taken run IDs that are read at once, when one of them is met.
_TAKEN_AT_ONCE: Final = 5_000
_RUNNING: Final = job_runs.c.status == ClientRunStatus.RUNNING


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
    taken: set[str] = set()
    return next(
        run_id
        for run_id in candidates
        if run_id not in taken and _reserved(tx, run_id, taken, source=source, now=now)
    )


def _reserved(tx: Tx, run_id: str, taken: set[str], *, source: str, now: datetime) -> bool:
    """Try one; where it is taken, tell of those behind it as well: hundreds may be of the same moment."""
    if tx.first_at(f"run ID {run_id}") and reserve(tx, run_id, source=source, now=now):
        return True
    if not taken:
        behind = select(job_runs.c.run_id).where(job_runs.c.run_id >= run_id).order_by(job_runs.c.run_id)
        taken |= {run_id, *tx.execute(behind.limit(_TAKEN_AT_ONCE)).scalars()}
    return False


def get(tx: Tx, run_id: str, *, lock: bool = False) -> JobRun | None:
    """Give the job run of this base run ID; with `lock`, nobody else may change it until the end of `tx`."""
    row = tx.execute(_one(lock=lock), {"run_id": run_id}).one_or_none()
    return from_row(row) if row else None


@cache
def _one(*, lock: bool) -> Select[Any]:
    statement = select(job_runs).where(job_runs.c.run_id == bindparam("run_id"))
    return statement.with_for_update() if lock else statement


def holder(tx: Tx, held: str) -> JobRun | None:
    """Give the live job run that holds a lock; there is at most one."""
    row = tx.execute(select(job_runs).where(job_runs.c.holds == held)).one_or_none()
    return from_row(row) if row else None


def change(tx: Tx, run_id: str, **values: Any) -> None:
    """Set some of a job run's values, of which Airtable is told."""
    tx.owe(Kind.JOB_RUN, run_id)
    look(tx, run_id, **values)


def look(tx: Tx, run_id: str, **values: Any) -> None:
    """Set what the ledger alone knows of a job run: when kickoffs are due, who looked at it, and when."""
    tx.execute(_change(), {"which": run_id, **values})


@cache
def _change() -> Update:
    """Give the statement that changes a job run; which values is said by its parameters."""
    return update(job_runs).where(job_runs.c.run_id == bindparam("which"))


def close(tx: Tx, run_id: str, *, status: ClientRunStatus, now: datetime, note: str | None = None) -> None:
    """End a job run; a later end replaces an earlier one, as a second kickoff may have joined it."""
    told = {} if note is None else {"note": note}
    change(tx, run_id, status=status, finished_at=now, kickoffs_due_at=None, holds=None, **told)


def reopen(tx: Tx, run_id: str) -> None:
    """A client run has joined, or goes on: the job run is not over, and its next end is told anew."""
    change(tx, run_id, status=ClientRunStatus.RUNNING, finished_at=None, reported_at=None)


def waiting_for(tx: Tx, client_run_id: str) -> list[str]:
    """Name the job runs that started a client run or took it on, but for those that a note says ended so."""
    of_run = select(job_clients.c.run_id).where(job_clients.c.client_run_id == client_run_id)
    statement = select(job_runs.c.run_id).where(job_runs.c.run_id.in_(of_run), job_runs.c.note.is_(None))
    return list(tx.execute(statement.order_by(job_runs.c.run_id)).scalars())


def to_kick_off(tx: Tx, *, now: datetime, limit: int) -> list[str]:
    """Name live job runs whose kickoffs somebody is to go on with, the one that waits longest first."""
    statement = (
        select(job_runs.c.run_id)
        .where(job_runs.c.kickoffs_due_at <= now, _RUNNING)
        .order_by(job_runs.c.kickoffs_due_at, job_runs.c.run_id)
        .limit(limit)
    )
    return list(tx.execute(statement).scalars())


def unreported(tx: Tx) -> list[JobRun]:
    """Give the job runs with a plan that no report was made of yet, most of which are live, by run ID."""
    statement = select(job_runs).where(job_runs.c.plan.is_not(None), job_runs.c.reported_at.is_(None))
    return [from_row(row) for row in tx.execute(statement.order_by(job_runs.c.run_id))]


def reported(tx: Tx, run_id: str, *, now: datetime, ping_due_at: datetime | None) -> bool:
    """A report is made. False if one was made before."""
    statement = update(job_runs).where(job_runs.c.run_id == run_id, job_runs.c.reported_at.is_(None))
    return tx.execute(statement.values(reported_at=now, ping_due_at=ping_due_at)).rowcount == 1


def latest(tx: Tx, plan: JobPlan) -> JobRun | None:
    """Give the job run of this plan that was started last; a caller's run ID may be of any time."""
    newest = (job_runs.c.started_at.desc(), job_runs.c.run_id.desc())
    statement = select(job_runs).where(job_runs.c.plan == plan).order_by(*newest).limit(1)
    row = tx.execute(statement).one_or_none()
    return from_row(row) if row else None


def page(tx: Tx, *, limit: int, before: str | None = None) -> tuple[list[JobRun], str | None]:
    """List job runs, newest run ID first, from the one behind `before`, and the cursor of the next page."""
    statement = select(job_runs).order_by(job_runs.c.run_id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(job_runs.c.run_id < before)
    found = [from_row(row) for row in tx.execute(statement)]
    return found[:limit], found[limit - 1].run_id if len(found) > limit else None
