"""What a job run decided about each client, and which client runs it waits for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import or_, select

from harvester.jobs import JobClient, JobDecision
from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_clients
from harvester.ledger.tables import client_runs
from harvester.models import ClientRunStatus


def from_row(row: Any) -> JobClient:
    """Read one row."""
    return rows.as_record(JobClient, row, decision=JobDecision(row.decision))


def decide(tx: Tx, decided: JobClient) -> bool:
    """Write down what was decided about a client. False if that was done before; it is left as it was."""
    values = {name: getattr(decided, name) for name in JobClient.__dataclass_fields__}
    return rows.insert_unless_there(tx, job_clients, **values)


def of_job(tx: Tx, run_id: str) -> list[JobClient]:
    """Give what a job run decided, by client."""
    statement = select(job_clients).where(job_clients.c.run_id == run_id).order_by(job_clients.c.client_id)
    return [from_row(row) for row in tx.execute(statement)]


def jobs_of(tx: Tx, client_run_id: str) -> list[str]:
    """Name the job runs that have started or taken on a client run."""
    statement = select(job_clients.c.run_id).where(job_clients.c.client_run_id == client_run_id)
    return list(tx.execute(statement).scalars())


def statuses(tx: Tx, run_id: str) -> list[ClientRunStatus]:
    """Say how the client runs of a job run stand, its own and those that it has taken on."""
    of_others = select(job_clients.c.client_run_id).where(job_clients.c.run_id == run_id)
    statement = select(client_runs.c.status).where(
        or_(client_runs.c.run_id == run_id, client_runs.c.client_run_id.in_(of_others))
    )
    return [ClientRunStatus(status) for status in tx.execute(statement).scalars()]
