"""The activity log: every operation on a client run record, with the source that asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import activity

#: Without the IDs that a database gives to the lines: nobody asks for them.
_NEW_LINE: Final = activity.insert().inline()


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
    line = {
        "at": now,
        "operation": operation,
        "source": source,
        "client_run_id": client_run_id,
        "client_id": client_id,
        "ok": ok,
        "detail": detail,
    }
    tx.execute(_NEW_LINE, line)


def of_client_run(tx: Tx, client_run_id: str, *, limit: int) -> list[dict[str, Any]]:
    """Give the latest lines about one client run, oldest first."""
    statement = select(activity).where(activity.c.client_run_id == client_run_id)
    latest = tx.execute(statement.order_by(activity.c.id.desc()).limit(limit)).all()
    return [dict(row._mapping) for row in reversed(latest)]


def page(
    tx: Tx,
    *,
    limit: int,
    before: int | None = None,
    operation: str | None = None,
    operations: Sequence[str] | None = None,
    client_id: str | None = None,
    client_run_id: str | None = None,
    ok: bool | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """List lines, newest first, with the cursor of the next page."""
    asked = {"operation": operation, "client_id": client_id, "client_run_id": client_run_id, "ok": ok}
    wanted = [activity.c[name] == value for name, value in asked.items() if value is not None]
    if operations is not None:
        wanted.append(activity.c.operation.in_(operations))
    if before is not None:
        wanted.append(activity.c.id < before)
    statement = select(activity).where(*wanted).order_by(activity.c.id.desc()).limit(limit + 1)
    found = [dict(row._mapping) for row in tx.execute(statement)]
    return found[:limit], found[limit - 1]["id"] if len(found) > limit else None


def operations(tx: Tx) -> list[str]:
    """Name the operations that there are, each looked up by itself: there are few, and many lines."""
    found: list[str] = []
    following = select(func.min(activity.c.operation))
    name = tx.execute(following).scalar_one()
    while name is not None:
        found.append(name)
        name = tx.execute(following.where(activity.c.operation > name)).scalar_one()
    return found


def count(tx: Tx, operation: str) -> tuple[int, int]:
    """Count an operation's successes and failures."""
    statement = (
        select(activity.c.ok, func.count()).where(activity.c.operation == operation).group_by(activity.c.ok)
    )
    by_ok = dict(tx.execute(statement).all())
    return by_ok.get(True, 0), by_ok.get(False, 0)
