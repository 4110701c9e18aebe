"""Dead letters: actor run rows that were given up after failing again and again, kept for a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from harvester.ledger.actor_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRun


def page(tx: Tx, *, limit: int, before: int | None = None) -> tuple[list[ActorRun], int | None]:
    """List parked rows, newest row first, with the cursor of the next page."""
    # By their own index, which is short: in the order of the rows, SQLite would look through all of them.
    waiting = select(actor_runs.c.id).where(actor_runs.c.parked_at.is_not(None))
    statement = select(actor_runs).where(actor_runs.c.id.in_(waiting))
    if before is not None:
        statement = statement.where(actor_runs.c.id < before)
    found = tx.execute(statement.order_by(actor_runs.c.id.desc()).limit(limit + 1)).all()
    cursor = found[limit - 1].id if len(found) > limit else None
    return [from_row(row) for row in found[:limit]], cursor


def count(tx: Tx) -> int:
    """Count the parked rows."""
    statement = select(func.count()).select_from(actor_runs).where(actor_runs.c.parked_at.is_not(None))
    return int(tx.execute(statement).scalar_one())


def ids(tx: Tx) -> set[int]:
    """Name all parked rows."""
    return set(tx.execute(select(actor_runs.c.id).where(actor_runs.c.parked_at.is_not(None))).scalars())


def take_up(tx: Tx, row_id: int, *, now: datetime, lease_until: datetime, owner: str) -> ActorRun | None:
    """Claim a parked row for a person who decides about it. None if it is not parked, or no more."""
    values: dict[str, Any] = {
        "parked_at": None,
        "parked_error": None,
        "failures": 0,
        "put_offs": 0,
        "lease_owner": owner,
        "lease_until": lease_until,
        "next_check_at": now,
        "fence": actor_runs.c.fence + 1,
    }
    statement = update(actor_runs).where(actor_runs.c.id == row_id, actor_runs.c.parked_at.is_not(None))
    row = tx.execute(statement.values(**values).returning(actor_runs)).one_or_none()
    return from_row(row) if row else None
