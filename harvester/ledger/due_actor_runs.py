"""Which actor runs are due, and which of those that wait start next: one client after another."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from heapq import heappop, heappush
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select, update

from harvester.ledger import pauses
from harvester.ledger.actor_runs import IN_FLIGHT
from harvester.ledger.columns import fixed
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRunState

#: One that is parked waits for a person, for days perhaps: it must not keep the others from starting.
_AT_WORK: Final = and_(fixed(actor_runs.c.state, IN_FLIGHT), actor_runs.c.parked_at.is_(None))
_PLANNED: Final = actor_runs.c.state == ActorRunState.PLANNED


def going_on(tx: Tx, *, now: datetime, limit: int) -> list[int]:
    """Name the rows that are not `planned` and that somebody should advance now, those due longest first.

    None of them is held by anybody, or queued already.
    """
    statement = select(actor_runs.c.id).where(_ready(now), ~_PLANNED)
    statement = statement.order_by(actor_runs.c.next_check_at, actor_runs.c.id)
    return list(tx.execute(statement.limit(limit)).scalars())


def any_planned(tx: Tx) -> bool:
    """Say whether any row waits for its start, however long it has to."""
    return tx.execute(select(actor_runs.c.id).where(_PLANNED).limit(1)).first() is not None


def count_planned(tx: Tx) -> int:
    """Count the rows that wait for their start."""
    return _count(tx, _PLANNED)


def to_start(tx: Tx, *, now: datetime, max_in_flight: int, limit: int) -> list[int]:
    """Name the planned rows that are due, one for each free place and `limit` at the most.

    In turn: the client comes next that has the fewest actor runs at work or named before, of several that
    which was served last the longest ago. Rows of clients or actors whose starts are paused are not
    named.
    """
    busy = or_(_AT_WORK, and_(_PLANNED, actor_runs.c.queued_until >= now))
    if in_flight(tx) >= max_in_flight:
        return []
    free = min(limit, max_in_flight - _count(tx, busy))
    paused = pauses.scopes(tx)
    if free < 1 or pauses.ALL in paused:
        return []
    stopped = or_(actor_runs.c.client_id.in_(paused), actor_runs.c.actor_id.in_(pauses.actors(tx)))
    waiting = and_(_PLANNED, _ready(now), not_(stopped))
    places = _dealt(_clients_in_turn(tx, waiting, busy, limit=free), free)
    return _first_rows(tx, waiting, places)


def _clients_in_turn(
    tx: Tx, waiting: ColumnElement[bool], busy: ColumnElement[bool], *, limit: int
) -> list[tuple[str, int, int]]:
    """Name the clients that come next, each with its rows that are busy, and those that wait."""
    client_id, earlier = actor_runs.c.client_id, actor_runs.alias("earlier")
    at_work = select(client_id, func.count().label("rows")).where(busy).group_by(client_id).subquery()
    served = select(func.max(earlier.c.start_requested_at)).where(earlier.c.client_id == client_id)
    has = func.coalesce(func.max(at_work.c.rows), 0)
    statement = (
        select(client_id, has, func.count())
        .outerjoin(at_work, at_work.c.client_id == client_id)
        .where(waiting)
        .group_by(client_id)
        .order_by(has, served.scalar_subquery().asc().nulls_first(), func.min(actor_runs.c.id))
    )
    return [(row[0], row[1], row[2]) for row in tx.execute(statement.limit(limit))]


def _dealt(clients: list[tuple[str, int, int]], free: int) -> list[str]:
    """Give each free place to the client that has the fewest by then, earlier ones first."""
    turns = [(has, order, client_id, waits) for order, (client_id, has, waits) in enumerate(clients)]
    dealt: list[str] = []
    while turns and len(dealt) < free:
        has, order, client_id, waits = heappop(turns)
        dealt.append(client_id)
        if waits > 1:
            heappush(turns, (has + 1, order, client_id, waits - 1))
    return dealt


def _first_rows(tx: Tx, waiting: ColumnElement[bool], places: list[str]) -> list[int]:
    """Give, for each place, the next row of the client that has it: those due the longest first."""
    order = (actor_runs.c.next_check_at, actor_runs.c.id)
    rows = {
        client_id: deque(
            tx.execute(
                select(actor_runs.c.id)
                .where(waiting, actor_runs.c.client_id == client_id)
                .order_by(*order)
                .limit(count)
            ).scalars()
        )
        for client_id, count in Counter(places).items()
    }
    return [rows[client_id].popleft() for client_id in places if rows[client_id]]


def mark_queued(tx: Tx, row_ids: Sequence[int], *, now: datetime, until: datetime) -> list[int]:
    """Mark due rows as queued. Returns those that were still due, which are the caller's, in order."""
    marked = set(_to_change(tx, and_(actor_runs.c.id.in_(row_ids), _ready(now))))
    tx.execute(update(actor_runs).where(actor_runs.c.id.in_(marked)).values(queued_until=until))
    return [row_id for row_id in row_ids if row_id in marked]


def forget_queued(tx: Tx) -> None:
    """Let rows be queued anew: the wake-ups that they were queued with were turned away."""
    queued = actor_runs.c.id.in_(_to_change(tx, actor_runs.c.queued_until.is_not(None)))
    tx.execute(update(actor_runs).where(queued).values(queued_until=None))


def hold_back(tx: Tx, client_id: str, *, now: datetime, until: datetime) -> None:
    """Let no planned row of a client be due before `until`, but those that nobody may delay: a start of
    theirs was sent before, and a webhook may tell of it.
    """
    idle = or_(actor_runs.c.lease_until.is_(None), actor_runs.c.lease_until < now)
    which = and_(
        _PLANNED,
        actor_runs.c.client_id == client_id,
        actor_runs.c.attempt == 0,
        actor_runs.c.next_check_at < until,
        idle,
    )
    later = actor_runs.c.id.in_(_to_change(tx, which))
    tx.execute(update(actor_runs).where(later).values(next_check_at=until))


def let_go(tx: Tx, client_id: str, *, now: datetime) -> None:
    """Make a client's planned rows due that were held back: what they wait for may be there by now."""
    held = and_(_PLANNED, actor_runs.c.client_id == client_id, actor_runs.c.next_check_at > now)
    if found := _to_change(tx, held):
        tx.execute(update(actor_runs).where(actor_runs.c.id.in_(found)).values(next_check_at=now))


def in_flight(tx: Tx) -> int:
    """Count the actor runs that Apify has, or may have, at work for us."""
    return int(tx.execute(_in_flight()).scalar_one())


@cache
def _in_flight() -> Select[Any]:
    return select(func.count()).select_from(actor_runs).where(_AT_WORK)


def _count(tx: Tx, which: ColumnElement[bool]) -> int:
    return int(tx.execute(select(func.count()).select_from(actor_runs).where(which)).scalar_one())


def latest_memory_mb(tx: Tx, *, among: int = 50) -> int | None:
    """Give the memory of the actor run that was started last, in megabytes, of those whose is known."""
    started = actor_runs.c.start_requested_at
    latest = select(actor_runs.c.memory_mb).where(started.is_not(None)).order_by(started.desc()).limit(among)
    return next((found for found in tx.execute(latest).scalars() if found), None)


def _to_change(tx: Tx, which: ColumnElement[bool]) -> list[int]:
    """Lock rows in order, and only those that nobody else changes: two would else wait for each other."""
    statement = select(actor_runs.c.id).where(which).order_by(actor_runs.c.id)
    if not tx.on_sqlite:
        statement = statement.with_for_update(skip_locked=True)
    return list(tx.execute(statement).scalars())


def _ready(now: datetime) -> ColumnElement[bool]:
    return and_(
        actor_runs.c.next_check_at <= now,
        or_(actor_runs.c.lease_until.is_(None), actor_runs.c.lease_until < now),
        or_(actor_runs.c.queued_until.is_(None), actor_runs.c.queued_until < now),
    )
