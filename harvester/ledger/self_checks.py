"""What the check compares within the ledger: records with what they sum up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, select

from harvester.ledger import metrics
from harvester.ledger.client_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.tables import actor_runs, client_runs
from harvester.models import ClientRun, ClientRunStatus, Metrics

#: Client runs that are counted in one go.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Job:
    """A job run, and how its client runs stand."""

    run_id: str
    status: ClientRunStatus
    started_at: datetime
    client_runs: tuple[ClientRunStatus, ...]


def recounted(tx: Tx) -> Iterator[tuple[ClientRun, Metrics]]:
    """Give each client run whose metrics differ from what its actor runs come to, with what that is.

    One without actor runs is left out: it has nothing to count, and may have been adopted with its metrics.
    """
    after = 0
    counted = exists().where(actor_runs.c.client_run_id == client_runs.c.client_run_id)
    while True:
        statement = select(client_runs).where(client_runs.c.id > after, counted)
        found = tx.execute(statement.order_by(client_runs.c.id).limit(_AT_ONCE)).all()
        if not found:
            return
        after = found[-1].id
        runs = [from_row(row) for row in found]
        truth = metrics.of_client_runs(tx, [run.client_run_id for run in runs])
        yield from (
            (run, truth[run.client_run_id]) for run in runs if run.metrics != truth[run.client_run_id]
        )


def jobs(tx: Tx) -> list[Job]:
    """Give all job runs, oldest first, each with the different states of its client runs."""
    statement = (
        select(
            job_runs.c.run_id, job_runs.c.status, job_runs.c.started_at, client_runs.c.status, func.count()
        )
        .outerjoin(client_runs, client_runs.c.run_id == job_runs.c.run_id)
        .group_by(job_runs.c.run_id, job_runs.c.status, job_runs.c.started_at, client_runs.c.status)
        .order_by(job_runs.c.run_id)
    )
    found: dict[str, Job] = {}
    for run_id, status, started_at, of_client, _ in tx.execute(statement):
        known = found.get(run_id)
        states = (*(known.client_runs if known else ()), *([ClientRunStatus(of_client)] if of_client else []))
        found[run_id] = Job(run_id, ClientRunStatus(status), started_at, states)
    return list(found.values())
