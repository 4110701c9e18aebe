"""Actor runs: one row per batch, moved on by updates that must hit exactly the row they were meant for.

A claim takes a lease and raises the `fence`; every later change says which fence it was made under, so
whoever was paused past its lease changes nothing when it wakes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Select,
    String,
    Update,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from harvester.errors import LostLease
from harvester.ledger import moves, rows, run_events
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs, lead_outcomes
from harvester.ledger.types import Utc
from harvester.models import ActorRun, ActorRunState, Target

#: States in which Apify has, or may have, an actor run of ours at work.
IN_FLIGHT = (ActorRunState.STARTING, ActorRunState.START_UNKNOWN, ActorRunState.RUNNING)

#: What a row starts with, and has again once a step of it has worked.
_FRESH: Final = {"failures": 0, "put_offs": 0, "parked_at": None, "parked_error": None}


def from_row(row: Any) -> ActorRun:
    """Read one row."""
    return rows.as_record(ActorRun, row, state=ActorRunState(row.state))


def get(tx: Tx, row_id: int) -> ActorRun | None:
    """Give one row."""
    row = tx.execute(_one(), {"row_id": row_id}).one_or_none()
    return from_row(row) if row else None


@cache
def _one() -> Select[Any]:
    return select(actor_runs).where(actor_runs.c.id == bindparam("row_id"))


def by_marker(tx: Tx, marker: str) -> ActorRun | None:
    """Give the row that a marker names."""
    row = tx.execute(select(actor_runs).where(actor_runs.c.marker == marker)).one_or_none()
    return from_row(row) if row else None


def by_apify_run_id(tx: Tx, apify_run_id: str) -> ActorRun | None:
    """Give the row that has this actor run of Apify's."""
    row = tx.execute(select(actor_runs).where(actor_runs.c.apify_run_id == apify_run_id)).one_or_none()
    return from_row(row) if row else None


def known_apify_run_ids(tx: Tx, apify_run_ids: Collection[str]) -> set[str]:
    """Say which of these actor runs of Apify's belong to a row already."""
    if not apify_run_ids:
        return set()
    known = actor_runs.c.apify_run_id
    return set(tx.execute(select(known).where(known.in_(apify_run_ids))).scalars())


def of_client_run(tx: Tx, client_run_id: str) -> list[ActorRun]:
    """Give a client run's actor runs, in the order they were planned."""
    return [from_row(row) for row in tx.execute(_of_client_run(), {"client_run_id": client_run_id})]


@cache
def _of_client_run() -> Select[Any]:
    of_run = select(actor_runs).where(actor_runs.c.client_run_id == bindparam("client_run_id"))
    return of_run.order_by(actor_runs.c.batch)


def last_batch(tx: Tx, client_run_id: str) -> int:
    """Give the number of a client run's last batch, 0 if it has none."""
    return int(tx.execute(_last_batch(), {"client_run_id": client_run_id}).scalar_one() or 0)


@cache
def _last_batch() -> Select[Any]:
    of_run = actor_runs.c.client_run_id == bindparam("client_run_id")
    return select(func.max(actor_runs.c.batch)).where(of_run)


def targets(tx: Tx, row_id: int) -> list[Target]:
    """Give the leads of a batch with the URL that is sent for each."""
    return [rows.as_record(Target, row) for row in tx.execute(_targets(), {"row_id": row_id})]


@cache
def _targets() -> Select[Any]:
    of_row = select(lead_outcomes).where(lead_outcomes.c.actor_run_id == bindparam("row_id"))
    return of_row.order_by(lead_outcomes.c.lead_id)


def count_by_state(tx: Tx) -> dict[str, int]:
    """Count all actor runs by state."""
    statement = select(actor_runs.c.state, func.count()).group_by(actor_runs.c.state)
    return dict(tx.execute(statement).all())


def claim(
    tx: Tx,
    row_id: int,
    *,
    owner: str,
    now: datetime,
    until: datetime,
    beyond: ActorRunState | None = None,
) -> ActorRun | None:
    """Take the lease of a due row. None if it is not due, is still in state `beyond`, or somebody holds it.

    A lease that ran out was held by a worker that died over it, or was stopped: that counts as a failure. If
    that is `owner` itself, it lives, and the ledger would not take what it had to write.
    """
    values = {"row_id": row_id, "owner": owner, "now": now, "until": until, "beyond": beyond or ""}
    row = tx.execute(_claim(), values).one_or_none()
    return from_row(row) if row else None


@cache
def _claim() -> ReturningUpdate[Any]:
    owner, now = bindparam("owner", type_=String), bindparam("now", type_=Utc)
    others = and_(actor_runs.c.lease_until.is_not(None), actor_runs.c.lease_owner != owner)
    due = update(actor_runs).where(
        actor_runs.c.id == bindparam("row_id"),
        actor_runs.c.next_check_at <= now,
        or_(actor_runs.c.lease_until.is_(None), actor_runs.c.lease_until < now),
        actor_runs.c.state != bindparam("beyond", type_=String),
    )
    return due.values(
        lease_owner=owner,
        lease_until=bindparam("until", type_=Utc),
        queued_until=None,
        fence=actor_runs.c.fence + 1,
        failures=actor_runs.c.failures + case((others, 1), else_=0),
    ).returning(actor_runs)


def keep(
    tx: Tx, run: ActorRun, *, until: datetime | None = None, now: datetime | None = None, **values: Any
) -> ActorRun:
    """Change a claimed row and stay its holder, until `until` if that is given.

    With `now`, the story of its client run tells of it. Raises `LostLease` if the claim is no longer ours.
    """
    if until is not None:
        values["lease_until"] = until
    return _guarded(tx, run, values, now)


def move(
    tx: Tx, run: ActorRun, to: ActorRunState, *, now: datetime, next_check_at: datetime | None, **values: Any
) -> ActorRun:
    """Move a claimed row to a state and let it go, due again at `next_check_at` (None: never by itself).

    A row that was woken since it was claimed is due at once: the webhook may have come while the call that
    led here was on the wire. Failures, put-offs and error are wiped unless given, and it is parked no more.
    While it runs, and when it has just ended, nobody knows what it costs in the end. Raises `LostLease` if
    the claim is no longer ours.
    """
    unknown_cost = {"cost_due_at": now} if to in (ActorRunState.RUNNING, ActorRunState.ENDED) else {}
    values = {**_FRESH, **unknown_cost, "error_code": None, "error": None, **values}
    values |= {"state": to, "lease_until": None, "lease_owner": None}
    due = {"seen_wakes": run.wakes, "if_woken": now, "else_at": next_check_at}
    return _guarded(tx, run, values, now, due=due)


def still_held(tx: Tx, run: ActorRun) -> ActorRun:
    """Give a claimed row as it is now, if the claim is still ours: a step may have changed its state.

    Raises `LostLease` if it is not.
    """
    current = get(tx, run.id)
    if current is None or current.fence != run.fence:
        raise LostLease(f"actor run row {run.id} was taken over by another process")
    return replace(current, wakes=run.wakes)


def wake(tx: Tx, row_id: int, *, now: datetime) -> None:
    """Make a row due at once, or as soon as whoever holds it lets go.

    Never later than it was: the clock of a process that only wakes may be ahead of those that work.
    """
    sooner = case((actor_runs.c.next_check_at < now, actor_runs.c.next_check_at), else_=literal(now, Utc))
    woken = {"next_check_at": sooner, "queued_until": None, "wakes": actor_runs.c.wakes + 1}
    tx.execute(update(actor_runs).where(actor_runs.c.id == row_id).values(**woken))


def release(tx: Tx, owner: str, *, now: datetime) -> int:
    """Let go of every row that a process holds, due at once: it ends. Returns how many that were.

    What it may still write to them matches no row any more.
    """
    freed = {"lease_until": None, "lease_owner": None, "next_check_at": now, "fence": actor_runs.c.fence + 1}
    return tx.execute(update(actor_runs).where(actor_runs.c.lease_owner == owner).values(**freed)).rowcount


def _guarded(
    tx: Tx, run: ActorRun, values: dict[str, Any], now: datetime | None, due: dict[str, Any] | None = None
) -> ActorRun:
    """Change a row that is still ours. With `due`, it is let go, and due then."""
    held = {"row_id": run.id, "its_fence": run.fence, "its_state": run.state}
    statement = _held() if due is None else _let_go()
    if tx.execute(statement, {**values, **held, **(due or {})}).rowcount != 1:
        raise LostLease(f"actor run row {run.id} was taken over by another process")
    tx.owe(Kind.ACTOR_RUN, *([run.id] if "state" in values else []))
    told = moves.told(run, values) if now is not None else None
    if told is not None and now is not None:
        run_events.add(tx, run.client_run_id, *told, now=now, batch=run.batch)
    plain = {k: v for k, v in values.items() if k in ActorRun.__dataclass_fields__ and k != "next_check_at"}
    return replace(run, **plain)


@cache
def _held() -> Update:
    """Give the statement that changes a row under a claim; which values is said by its parameters."""
    return update(actor_runs).where(
        actor_runs.c.id == bindparam("row_id"),
        actor_runs.c.fence == bindparam("its_fence"),
        actor_runs.c.state == bindparam("its_state"),
    )


@cache
def _let_go() -> Update:
    woken = actor_runs.c.wakes != bindparam("seen_wakes")
    at = case((woken, bindparam("if_woken", type_=Utc)), else_=bindparam("else_at", type_=Utc))
    return _held().values(next_check_at=at)
