"""Tries to sign in at the operations page, as lines of the activity log; `source` is where one came from."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import func, insert, select, update

from harvester.ledger.database import Tx
from harvester.ledger.tables import activity

SIGN_IN: Final = "sign in"


def failures(tx: Tx, *, since: datetime, address: str | None = None) -> int:
    """Count the tries since then that did not succeed, from one address or from all."""
    statement = select(func.count()).where(
        activity.c.operation == SIGN_IN, activity.c.ok.is_(False), activity.c.at >= since
    )
    if address is not None:
        statement = statement.where(activity.c.source == address)
    return int(tx.execute(statement).scalar_one())


def begin(tx: Tx, address: str, *, now: datetime) -> int:
    """Write a try down as failed, before its password is looked at. Returns the line's ID."""
    values = {"at": now, "operation": SIGN_IN, "source": address, "ok": False, "detail": "wrong password"}
    line: int = tx.execute(insert(activity).values(**values).returning(activity.c.id)).scalar_one()
    return line


def succeeded(tx: Tx, line: int, name: str) -> None:
    """A try had the right password."""
    told = {"ok": True, "detail": f"signed in as {name}"}
    tx.execute(update(activity).where(activity.c.id == line).values(**told))
