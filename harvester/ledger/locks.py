"""Locks that run out by themselves: whose turn something is, across all processes, and until when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, delete, or_, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.tables import locks


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock. `times` counts how often it was taken in a row, `reason` says what for or by whom."""

    name: str
    until: datetime
    times: int
    reason: str


def get(tx: Tx, name: str, *, lock: bool = False) -> Lock | None:
    """Give a lock; with `lock`, nobody else may change it until the end of `tx`."""
    row = tx.execute(_one(lock=lock), {"name": name}).one_or_none()
    return rows.as_record(Lock, row) if row else None


@cache
def _one(*, lock: bool) -> Select[Any]:
    statement = select(locks).where(locks.c.name == bindparam("name"))
    return statement.with_for_update() if lock else statement


def held(
    tx: Tx, names: Collection[str], *, now: datetime, longest: Mapping[str, timedelta] | None = None
) -> set[str]:
    """Say which of these have not run out yet. `longest`: as of `take`, for each."""
    statement = select(locks.c.name, locks.c.until).where(locks.c.name.in_(names), locks.c.until > now)
    found = {row.name: row.until for row in tx.execute(statement)}
    return {name for name, until in found.items() if longest is None or until <= now + longest[name]}


def take(
    tx: Tx,
    name: str,
    *,
    now: datetime,
    until: datetime,
    owner: str = "",
    longest: timedelta | None = None,
) -> bool:
    """Take a lock that is free or has run out. True for the one caller who got it.

    One that is held until later than `longest` from now was taken by a clock that was ahead: it is free.
    """
    if rows.insert_unless_there(tx, locks, name=name, until=until, times=1, reason=owner):
        return True
    free = locks.c.until <= now
    if longest is not None:
        free = or_(free, locks.c.until > now + longest)
    statement = update(locks).where(locks.c.name == name, free)
    return tx.execute(statement.values(until=until, reason=owner)).rowcount == 1


def renew(tx: Tx, name: str, *, until: datetime, owner: str) -> bool:
    """Keep a lock for longer. False if it is somebody else's by now: what it guarded may not be done."""
    statement = update(locks).where(locks.c.name == name, locks.c.reason == owner)
    return tx.execute(statement.values(until=until)).rowcount == 1


def give_back(tx: Tx, name: str, *, owner: str) -> None:
    """Free a lock that is one's own, and nobody else's."""
    tx.execute(delete(locks).where(locks.c.name == name, locks.c.reason == owner))


def extend(tx: Tx, name: str, *, until: datetime, times: int, reason: str) -> None:
    """Set a lock, whoever has it."""
    values = {"until": until, "times": times, "reason": reason}
    if not rows.insert_unless_there(tx, locks, name=name, **values):
        tx.execute(update(locks).where(locks.c.name == name).values(**values))


def release(tx: Tx, name: str) -> None:
    """Free a lock."""
    tx.execute(delete(locks).where(locks.c.name == name))
