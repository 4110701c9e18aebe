"""Schedules: when harvests start by themselves. A row holds the next time, and is moved on as that comes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, delete, exists, literal_column, null, or_, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs, schedules
from harvester.ledger.tables import clients
from harvester.models import ClientRunStatus

#: The schedule of all clients that have none of their own.
ALL: Final = "all"
_CLIENT: Final = "client "
#: One client that is paused, or slow, must not keep all others from the times that come.
LONGEST_WAIT: Final = timedelta(hours=1)
#: Word for word, as SQLite takes no partial index where a value is bound.
_LIVE: Final = job_runs.c.status == literal_column(f"'{ClientRunStatus.RUNNING}'")


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression in a time zone.

    `next_at` is the scheduled time that comes next, None if none will; `last_at` the one that was fired last,
    and `fired_at` when that was done.
    """

    name: str
    expression: str
    timezone: str
    next_at: datetime | None
    last_at: datetime | None = None
    fired_at: datetime | None = None

    @property
    def client_id(self) -> str | None:
        """The client whose own schedule it is."""
        return self.name.removeprefix(_CLIENT) if self.name.startswith(_CLIENT) else None


def name_of(client_id: str) -> str:
    """Give the name of a client's own schedule."""
    return f"{_CLIENT}{client_id}"


def every(tx: Tx) -> dict[str, Schedule]:
    """Give all schedules by their names."""
    return {row.name: rows.as_record(Schedule, row) for row in tx.execute(select(schedules))}


def some(tx: Tx, names: Collection[str]) -> dict[str, Schedule]:
    """Give those of these schedules that there are, by their names."""
    statement = select(schedules).where(schedules.c.name.in_(names))
    return {row.name: rows.as_record(Schedule, row) for row in tx.execute(statement)}


def coming(tx: Tx) -> Schedule | None:
    """Give the schedule whose time comes next; None if none will."""
    statement = select(schedules).where(schedules.c.next_at.is_not(None))
    row = tx.execute(statement.order_by(schedules.c.next_at, schedules.c.name).limit(1)).one_or_none()
    return rows.as_record(Schedule, row) if row else None


def of_clients(tx: Tx) -> dict[str, tuple[str, str]]:
    """Give the expression and the time zone of each client that has a schedule of its own, by schedule."""
    statement = select(clients.c.client_id, clients.c.schedule, clients.c.timezone)
    found = tx.execute(statement.where(clients.c.schedule.is_not(None)))
    return {name_of(row.client_id): (row.schedule, row.timezone) for row in found}


def due(tx: Tx, *, now: datetime, one_by_one: bool, limit: int) -> list[Schedule]:
    """Give the schedules whose next time has come, the longest ago first.

    `one_by_one`: but for those whose last job run has been at work for less than `LONGEST_WAIT`.
    """
    statement = select(schedules).where(schedules.c.next_at <= now)
    if one_by_one:
        its_own = and_(job_runs.c.schedule == schedules.c.name, job_runs.c.started_at > now - LONGEST_WAIT)
        statement = statement.where(~exists().where(_LIVE, its_own))
    statement = statement.order_by(schedules.c.next_at, schedules.c.name).limit(limit)
    return [rows.as_record(Schedule, row) for row in tx.execute(statement)]


def put(tx: Tx, name: str, expression: str, timezone: str, *, next_at: datetime | None) -> None:
    """Store a schedule. One that says the same and has a next time is left as it is."""
    values: dict[str, Any] = {"expression": expression, "timezone": timezone, "next_at": next_at}
    if rows.insert_unless_there(tx, schedules, name=name, **values):
        return
    table = schedules.c
    if next_at is not None:  # of a clock that was ahead, the last time may lie behind the next
        values["last_at"] = case((table.last_at < next_at, table.last_at), else_=null())
    another = or_(table.expression != expression, table.timezone != timezone, table.next_at.is_(None))
    tx.execute(update(schedules).where(table.name == name, another).values(**values))


def remove(tx: Tx, name: str) -> None:
    """Forget a schedule."""
    tx.execute(delete(schedules).where(schedules.c.name == name))


def fired(tx: Tx, seen: Schedule, time: datetime, *, next_at: datetime | None, now: datetime) -> bool:
    """Move a schedule on because one of its times is fired. False if somebody else did, or it has changed."""
    once = or_(schedules.c.last_at.is_(None), schedules.c.last_at < time)
    statement = update(schedules).where(*_as_seen(seen), once)
    return tx.execute(statement.values(next_at=next_at, last_at=time, fired_at=now)).rowcount == 1


def put_right(tx: Tx, seen: Schedule, *, next_at: datetime) -> bool:
    """Give a schedule an earlier next time. False if it has changed.

    It forgets a last time that is not before that, or the next one would never be fired.
    """
    last_at = case((schedules.c.last_at < next_at, schedules.c.last_at), else_=null())
    statement = update(schedules).where(*_as_seen(seen))
    return tx.execute(statement.values(next_at=next_at, last_at=last_at)).rowcount == 1


def passed_over(tx: Tx, seen: Schedule, *, next_at: datetime | None) -> bool:
    """Move a schedule on without firing it. False if somebody else did, or it has changed."""
    return tx.execute(update(schedules).where(*_as_seen(seen)).values(next_at=next_at)).rowcount == 1


def _as_seen(seen: Schedule) -> list[ColumnElement[bool]]:
    table = schedules.c
    same = [table.expression == seen.expression, table.timezone == seen.timezone]
    return [table.name == seen.name, table.next_at == seen.next_at, *same]
