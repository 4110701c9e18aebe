"""The activity log: every operation on a client run record, with the source that asked for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import activity


def record(
    tx: Tx,
    operation: str,
    *,
    source: str | None,
    client_run_id: str | None,
    client_id: str | None,
    ok: bool,
    detail: str,
    now: datetime,
) -> None:
    """Write one line."""
    tx.execute(
        insert(activity).values(
            at=now,
            operation=operation,
            source=source,
            client_run_id=client_run_id,
            client_id=client_id,
            ok=ok,
            detail=detail,
        )
    )


def of_client_run(tx: Tx, client_run_id: str, *, limit: int) -> list[dict[str, Any]]:
    """Give the latest lines about one client run, oldest first."""
    statement = select(activity).where(activity.c.client_run_id == client_run_id)
    latest = tx.execute(statement.order_by(activity.c.id.desc()).limit(limit)).all()
    return [dict(row._mapping) for row in reversed(latest)]


def count(tx: Tx, operation: str) -> tuple[int, int]:
    """Count an operation's successes and failures."""
    statement = (
        select(activity.c.ok, func.count()).where(activity.c.operation == operation).group_by(activity.c.ok)
    )
    by_ok = dict(tx.execute(statement).all())
    return by_ok.get(True, 0), by_ok.get(False, 0)
