"""Client run records as rows. Only `services.run_records` calls `reserve`: it is the one creation point."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Integer,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs, client_runs, clients
from harvester.models import ActorRunState, ClientRun, ClientRunStatus, Metrics

_METRICS = tuple(Metrics.__dataclass_fields__)
#: The source of a record that a person made with the script.
BY_HAND: Final = "manual"
_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)


def from_row(row: Any) -> ClientRun:
    """Read one row."""
    metrics = Metrics(**{name: row._mapping[name] for name in _METRICS})
    return rows.as_record(ClientRun, row, status=ClientRunStatus(row.status), metrics=metrics)


def reserve(tx: Tx, run: ClientRun) -> bool:
    """Insert the record. False if it exists, or if its client has another one that is live."""
    values = {name: getattr(run, name) for name in ClientRun.__dataclass_fields__ if name != "metrics"}
    tx.owe(Kind.CLIENT_RUN, run.client_run_id)
    return rows.insert_unless_there(tx, client_runs, **values)


def get(tx: Tx, client_run_id: str, *, lock: bool = False) -> ClientRun | None:
    """Give the record of exactly this ID; with `lock`, nobody else may change it until the end of `tx`."""
    row = tx.execute(_one(lock=lock), {"client_run_id": client_run_id}).one_or_none()
    return from_row(row) if row else None


@cache
def _one(*, lock: bool) -> Select[Any]:
    statement = select(client_runs).where(client_runs.c.client_run_id == bindparam("client_run_id"))
    return statement.with_for_update() if lock else statement


def live_of(tx: Tx, client_id: str) -> ClientRun | None:
    """Give the client's live client run; there is at most one."""
    row = tx.execute(_live(), {"client_id": client_id}).one_or_none()
    return from_row(row) if row else None


@cache
def _live() -> Select[Any]:
    its_own = client_runs.c.client_id == bindparam("client_id")
    return select(client_runs).where(its_own, client_runs.c.status == ClientRunStatus.RUNNING)


def live_clients(tx: Tx) -> set[str]:
    """Name the clients that have a live client run."""
    statement = select(client_runs.c.client_id).where(client_runs.c.status == ClientRunStatus.RUNNING)
    return set(tx.execute(statement).scalars())


def kickoff_before(tx: Tx, client_id: str, count: int, *, after: datetime, by: datetime) -> datetime | None:
    """Say when, of a client's kickoffs after one time and up to another, the last but `count` - 1 was.

    None if there were fewer. What a person recorded by hand was no kickoff.
    """
    values = {"client_id": client_id, "after": after, "by": by, "count": count - 1}
    return tx.execute(_kickoffs(), values).scalar_one_or_none()


@cache
def _kickoffs() -> Select[Any]:
    at, its_own = client_runs.c.started_at, client_runs.c.client_id == bindparam("client_id")
    between = and_(at > bindparam("after"), at <= bindparam("by"))
    kickoffs = select(at).where(its_own, between, client_runs.c.source != BY_HAND)
    return kickoffs.order_by(at.desc()).offset(bindparam("count", type_=Integer)).limit(1)


def any_live(tx: Tx, *, origin: str) -> bool:
    """Say whether any client that is kept there has a live client run."""
    its_own = clients.c.client_id == client_runs.c.client_id
    live = exists().where(
        its_own, client_runs.c.status == ClientRunStatus.RUNNING, clients.c.origin == origin
    )
    return bool(tx.execute(select(live)).scalar_one())


def change(tx: Tx, client_run_id: str, **values: Any) -> bool:
    """Set some of a record's values. False if there is no such record."""
    tx.owe(Kind.CLIENT_RUN, client_run_id)
    return tx.execute(_change(), {"which": client_run_id, **values}).rowcount == 1


@cache
def _change() -> Update:
    """Give the statement that changes a record; which values is said by its parameters."""
    return update(client_runs).where(client_runs.c.client_run_id == bindparam("which"))


def finish(tx: Tx, client_run_id: str, *, status: ClientRunStatus, now: datetime, **values: Any) -> bool:
    """End a live record. False if it is missing or was ended before."""
    tx.owe(Kind.CLIENT_RUN, client_run_id)
    ended = {"which": client_run_id, "status": status, "finished_at": now, **values}
    return tx.execute(_change_live(), ended).rowcount == 1


@cache
def _change_live() -> Update:
    return _change().where(client_runs.c.status == literal_column(f"'{ClientRunStatus.RUNNING}'"))


def ask_to_cancel(tx: Tx, client_run_id: str, *, now: datetime, system_notes: str) -> bool:
    """Have a live client run ended: it gets no leads any more. False if that was asked before."""
    statement = update(client_runs).where(
        client_runs.c.client_run_id == client_run_id,
        client_runs.c.status == ClientRunStatus.RUNNING,
        client_runs.c.cancel_requested_at.is_(None),
    )
    values = {"cancel_requested_at": now, "leads_due_at": None, "system_notes": system_notes}
    tx.owe(Kind.CLIENT_RUN, client_run_id)
    return tx.execute(statement.values(**values)).rowcount == 1


def is_cancelled(tx: Tx, client_run_id: str) -> bool:
    """Say whether a client run is to end, or has ended, because somebody wants that."""
    return tx.execute(_cancelled_at(), {"client_run_id": client_run_id}).scalar_one_or_none() is not None


@cache
def _cancelled_at() -> Select[Any]:
    its_own = client_runs.c.client_run_id == bindparam("client_run_id")
    return select(client_runs.c.cancel_requested_at).where(its_own)


def reopen(tx: Tx, client_run_id: str, *, now: datetime, **values: Any) -> bool:
    """Let a client run that is over go on under its record. False if its client has one that is live."""
    statement = update(client_runs).where(client_runs.c.client_run_id == client_run_id)
    anew = {"status": ClientRunStatus.RUNNING, "finished_at": None, "cancel_requested_at": None}
    try:
        with tx.part() as part:
            part.execute(statement.values(**anew, retried_at=now, leads_due_at=None, **values))
    except IntegrityError:  # made in this moment, by whom no lock keeps out
        return False
    tx.owe(Kind.CLIENT_RUN, client_run_id)
    return True


def page(
    tx: Tx,
    *,
    limit: int,
    before: int | None = None,
    client_id: str | None = None,
    status: str | None = None,
    run_id: str | None = None,
) -> tuple[list[ClientRun], int | None]:
    """List records, newest first, narrowed by what is given, with the cursor of the next page."""
    wanted = {client_runs.c.client_id: client_id, client_runs.c.status: status, client_runs.c.run_id: run_id}
    statement = select(client_runs).order_by(client_runs.c.id.desc()).limit(limit + 1)
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(column == value)
    if before is not None:
        statement = statement.where(client_runs.c.id < before)
    found = tx.execute(statement).all()
    return [from_row(row) for row in found[:limit]], found[limit - 1].id if len(found) > limit else None


def of_job(tx: Tx, run_id: str) -> list[ClientRun]:
    """Give all client runs of a job run, by client."""
    statement = select(client_runs).where(client_runs.c.run_id == run_id).order_by(client_runs.c.client_id)
    return [from_row(row) for row in tx.execute(statement)]


def ask_for_leads(tx: Tx, client_run_id: str, *, at: datetime | None, tries: int = 0) -> None:
    """Have leads read for a client run from `at` on, tried `tries` times before; None: no more."""
    tx.execute(_change(), {"which": client_run_id, "leads_due_at": at, "leads_tries": tries})


def leads_asked_for(tx: Tx, client_run_id: str) -> tuple[datetime, int] | None:
    """Say from when on leads are to be read for a client run, and how often that was tried; None: not."""
    statement = select(client_runs.c.leads_due_at, client_runs.c.leads_tries).where(
        client_runs.c.client_run_id == client_run_id, client_runs.c.leads_due_at.is_not(None)
    )
    row = tx.execute(statement).one_or_none()
    return (row.leads_due_at, row.leads_tries) if row else None


def to_read_leads(tx: Tx, *, now: datetime, limit: int) -> list[str]:
    """Name live client runs for which leads are to be read now, the one that waits longest first."""
    statement = (
        select(client_runs.c.client_run_id)
        .where(client_runs.c.status == ClientRunStatus.RUNNING, client_runs.c.leads_due_at <= now)
        .order_by(client_runs.c.leads_due_at, client_runs.c.id)
        .limit(limit)
    )
    return list(tx.execute(statement).scalars())


def to_settle(tx: Tx, *, made_by: datetime, limit: int, leads_are_read: bool = False) -> list[str]:
    """Name live client runs that have no actor run open, and those at work since `made_by`: for too long.

    One made by hand has no plan of its own: without actor runs it is named only then. With `leads_are_read`,
    the same is true of one that leads are to be read for. One that is to be cancelled waits for nothing but
    actor runs that were sent.
    """
    its_own = actor_runs.c.client_run_id == client_runs.c.client_run_id
    open_runs = exists().where(its_own, actor_runs.c.state.not_in(_OVER))
    by_plan = or_(client_runs.c.source != BY_HAND, exists().where(its_own))
    waits = client_runs.c.leads_due_at.is_not(None) if leads_are_read else false()
    begun_at = func.coalesce(client_runs.c.retried_at, client_runs.c.created_at)
    planned = exists().where(its_own, actor_runs.c.state == ActorRunState.PLANNED)
    unwanted = and_(client_runs.c.cancel_requested_at.is_not(None), or_(~open_runs, planned))
    ready = or_(and_(~open_runs, by_plan, ~waits), unwanted, begun_at <= made_by)
    statement = (
        select(client_runs.c.client_run_id)
        .where(client_runs.c.status == ClientRunStatus.RUNNING, ready)
        .order_by(client_runs.c.id)
        .limit(limit)
    )
    return list(tx.execute(statement).scalars())
