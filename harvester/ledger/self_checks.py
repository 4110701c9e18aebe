"""What the check compares within the ledger: records with what they sum up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, func, select

from harvester.jobs import JobDecision
from harvester.ledger import metrics
from harvester.ledger.client_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_clients, job_runs
from harvester.ledger.tables import actor_runs, client_runs
from harvester.models import ClientRun, ClientRunStatus, Metrics

#: Client runs that are counted in one go.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Job:
    """A job run, and how its client runs stand; one that could not be started has failed."""

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


def without_record(tx: Tx) -> list[tuple[str, str]]:
    """Give the client runs, with their clients, that have actor runs and no record: somebody deleted it."""
    its_record = exists().where(client_runs.c.client_run_id == actor_runs.c.client_run_id)
    columns = (actor_runs.c.client_run_id, actor_runs.c.client_id)
    statement = select(*columns).where(~its_record).distinct().order_by(*columns)
    return [(row.client_run_id, row.client_id) for row in tx.execute(statement)]


def jobs(tx: Tx) -> list[Job]:
    """Give job runs, oldest first, each with the different states of its client runs.

    Left out are those that are still kicking off, and those whose note says who or what ended them.
    """
    columns = (job_runs.c.run_id, job_runs.c.status, job_runs.c.started_at)
    statement = (
        select(*columns, client_runs.c.status, func.count())
        .outerjoin(client_runs, client_runs.c.run_id == job_runs.c.run_id)
        .where(job_runs.c.kickoffs_due_at.is_(None), job_runs.c.note.is_(None))
        .group_by(*columns, client_runs.c.status)
        .order_by(job_runs.c.run_id)
    )
    beside = _beside(tx)
    found: dict[str, Job] = {}
    for run_id, status, started_at, of_client, _ in tx.execute(statement):
        known = found.get(run_id)
        states = known.client_runs if known else tuple(beside.get(run_id, ()))
        if of_client:
            states = (*states, ClientRunStatus(of_client))
        found[run_id] = Job(run_id, ClientRunStatus(status), started_at, states)
    return list(found.values())


def _beside(tx: Tx) -> dict[str, list[ClientRunStatus]]:
    """Say how those stand that job runs have taken on from others, or failed to start."""
    decision, status = job_clients.c.decision, client_runs.c.status
    statement = (
        select(job_clients.c.run_id, decision, status)
        .outerjoin(client_runs, client_runs.c.client_run_id == job_clients.c.client_run_id)
        .where(decision.in_([JobDecision.TAKEN_ON, JobDecision.FAILED]))
        .group_by(job_clients.c.run_id, decision, status)
    )
    found: dict[str, list[ClientRunStatus]] = {}
    for run_id, decided, of_client in tx.execute(statement):
        if decided == JobDecision.FAILED:
            found.setdefault(run_id, []).append(ClientRunStatus.FAILED)
        elif of_client is not None:
            found.setdefault(run_id, []).append(ClientRunStatus(of_client))
    return found
