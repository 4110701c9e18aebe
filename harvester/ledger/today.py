"""Sums over all clients, of each one's own day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, client_runs, clients
from harvester.models import ClientRunStatus


@dataclass(frozen=True, slots=True)
class Aims:
    """How many clients of a time zone are harvested, and what they want of a day: posts, and the most that
    it may cost in millionths of a USD.
    """

    clients: int = 0
    posts: int = 0
    micros: int = 0


@dataclass(frozen=True, slots=True)
class Brought:
    """What client runs have brought, and how many of them there are by status."""

    posts: int = 0
    posts_new: int = 0
    runs: Mapping[ClientRunStatus, int] = field(default_factory=lambda: dict.fromkeys(ClientRunStatus, 0))


def aims(tx: Tx, *, status: str, daily_micros: int) -> dict[str, Aims]:
    """Sum up the clients of this status by time zone; a zone of others alone is in it with zeroes.

    `daily_micros` is the budget of those that have none of their own.
    """
    budget = func.coalesce(clients.c.daily_budget_micros, daily_micros)
    sums = [
        func.sum(case((clients.c.status == status, of_each), else_=0))
        for of_each in (1, clients.c.daily_target, budget)
    ]
    statement = select(clients.c.timezone, *sums).group_by(clients.c.timezone)
    return {row[0]: Aims(*map(int, row[1:])) for row in tx.execute(statement)}


def brought(tx: Tx, days: Mapping[str, datetime], *, status: str) -> Brought:
    """Sum up the client runs that were started since each time zone's moment.

    Posts are those of clients of this status alone, which alone have a target; client runs are everybody's.
    """
    table = client_runs.c
    counts = [func.sum(case((table.status == one, 1), else_=0)) for one in ClientRunStatus]
    theirs = [
        func.sum(case((clients.c.status == status, column), else_=0))
        for column in (table.posts_harvested, table.posts_new)
    ]
    posts, new, *by_status = tx.execute(_of(days, table.client_id, table.started_at, *theirs, *counts)).one()
    counted = {one: int(n or 0) for one, n in zip(ClientRunStatus, by_status, strict=True)}
    return Brought(int(posts or 0), int(new or 0), counted)


def spent(tx: Tx, days: Mapping[str, datetime]) -> int:
    """Sum up what the actor runs started since each time zone's moment have cost, in millionths of a USD."""
    table = actor_runs.c
    paid = func.coalesce(func.sum(table.cost_micros), 0)
    return int(tx.execute(_of(days, table.client_id, table.start_requested_at, paid)).scalar_one())


def _of(days: Mapping[str, datetime], client: Any, at: Any, *columns: Any) -> Any:
    """Narrow to each client's own day; the earliest of them all is what an index finds."""
    own: list[ColumnElement[bool]] = [
        and_(clients.c.timezone == zone, at >= moment) for zone, moment in days.items()
    ]
    joined = select(*columns).select_from(clients).join(client.table, client == clients.c.client_id)
    return joined.where(at >= min(days.values()), or_(*own))
