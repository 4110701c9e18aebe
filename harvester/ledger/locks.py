"""Locks that run out by themselves: whose turn something is, across all processes, and until when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

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
    statement = select(locks).where(locks.c.name == name)
    row = tx.execute(statement.with_for_update() if lock else statement).one_or_none()
    return rows.as_record(Lock, row) if row else None


def held(tx: Tx, names: Collection[str], *, now: datetime) -> set[str]:
    """Say which of these have not run out yet."""
    statement = select(locks.c.name).where(locks.c.name.in_(names), locks.c.until > now)
    return set(tx.execute(statement).scalars())


def take(tx: Tx, name: str, *, now: datetime, until: datetime, owner: str = "") -> bool:
    """Take a lock that is free or has run out. True for the one caller who got it."""
    if rows.insert_unless_there(tx, locks, name=name, until=until, times=1, reason=owner):
        return True
    statement = update(locks).where(locks.c.name == name, locks.c.until <= now)
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
