"""What is at work now, what has ended lately, and what has ended badly with nothing better since."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, exists, func, select

from harvester.jobs import JobRun
from harvester.ledger.actor_runs import IN_FLIGHT
from harvester.ledger.client_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.job_runs import from_row as job_from_row
from harvester.ledger.job_tables import job_runs
from harvester.ledger.tables import actor_runs, client_runs
from harvester.models import ActorRunState, ClientRun, ClientRunStatus

_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
_BAD: Final = (ClientRunStatus.FAILED, ClientRunStatus.COMPLETED_WITH_ERRORS)
#: How many rows one look goes back at the most, however many more there are.
_FAR: Final = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """The batches of a client run: all, those that are over, at work at Apify, not started, and parked."""

    batches: int = 0
    over: int = 0
    at_work: int = 0
    waiting: int = 0
    parked: int = 0


def progress(tx: Tx, client_run_ids: Collection[str]) -> dict[str, Progress]:
    """Say how far client runs are, by their IDs."""
    table, parked = actor_runs.c, func.count(actor_runs.c.parked_at)
    statement = select(table.client_run_id, table.state, func.count(), parked)
    statement = statement.where(table.client_run_id.in_(client_run_ids))
    found: dict[str, list[tuple[str, int, int]]] = {one: [] for one in client_run_ids}
    for one, state, count, waits in tx.execute(statement.group_by(table.client_run_id, table.state)):
        found[one].append((state, count, waits))
    return {one: _progress(states) for one, states in found.items()}


def _progress(states: list[tuple[str, int, int]]) -> Progress:
    def among(*which: str) -> int:
        return sum(count for state, count, _ in states if state in which)

    return Progress(
        batches=sum(count for _, count, _ in states),
        over=among(*_OVER),
        at_work=among(*IN_FLIGHT),
        waiting=among(ActorRunState.PLANNED),
        parked=sum(parked for _, _, parked in states),
    )


def count_live(tx: Tx) -> int:
    """Count the client runs that are at work."""
    live = client_runs.c.status == ClientRunStatus.RUNNING
    return int(tx.execute(select(func.count()).select_from(client_runs).where(live)).scalar_one())


def ended(tx: Tx, *, limit: int) -> list[ClientRun]:
    """Give the client runs that ended last."""
    over = client_runs.c.finished_at.is_not(None)
    newest = (client_runs.c.finished_at.desc(), client_runs.c.id.desc())
    statement = select(client_runs).where(over).order_by(*newest).limit(limit)
    return [from_row(row) for row in tx.execute(statement)]


def ended_badly(tx: Tx, *, since: datetime, limit: int) -> list[ClientRun]:
    """Give the client runs that failed since then, or had errors, newest first: of each client the last one,
    if none of that client has completed after it.
    """
    latest = (
        select(client_runs.c.id).where(client_runs.c.status.in_(_BAD)).order_by(client_runs.c.id.desc())
    ).limit(_FAR)
    later = client_runs.alias("later")
    better_or_newer = exists().where(
        later.c.client_id == client_runs.c.client_id,
        later.c.id > client_runs.c.id,
        later.c.status.in_([*_BAD, ClientRunStatus.COMPLETED]),
    )
    which: list[ColumnElement[bool]] = [client_runs.c.id.in_(latest), client_runs.c.finished_at >= since]
    statement = select(client_runs).where(*which, ~better_or_newer).order_by(client_runs.c.id.desc())
    return [from_row(row) for row in tx.execute(statement.limit(limit))]


def last_scheduled(tx: Tx) -> JobRun | None:
    """Give the job run that a schedule has fired last, if it is one of the newest."""
    newest = select(job_runs).order_by(job_runs.c.run_id.desc()).limit(_FAR).subquery()
    statement = select(newest).where(newest.c.schedule.is_not(None)).order_by(newest.c.run_id.desc())
    row = tx.execute(statement.limit(1)).one_or_none()
    return job_from_row(row) if row else None
