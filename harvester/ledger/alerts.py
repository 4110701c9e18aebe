"""Alerts: what somebody should be told of, once for each matter until it is over and comes up again."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, Update, and_, bindparam, delete, func, or_, select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import alerts
from harvester.ledger.database import Tx
from harvester.ledger.types import Utc

#: Parameters of one statement: SQLite takes 32,766 of them.
_PART: Final = 10_000


@dataclass(frozen=True, slots=True)
class Alert:
    """One matter. `times` counts how often it has come up since `first_at`, `told_at` says when somebody was
    last told. It stands until `over_at`; None: until somebody says that it is over.
    """

    key: str
    text: str
    first_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None
    over_at: datetime | None


def bring_up(tx: Tx, key: str, text: str, *, now: datetime, again_after: timedelta | None) -> bool:
    """Bring a matter up. True if it is to be told: it is new, or was over.

    With `again_after`, it is also told again when that was done longer ago, and it is over by itself when it
    has not come up for so long.
    """
    over_at = None if again_after is None else now + again_after
    values = {"text": text, "last_at": now, "over_at": over_at}
    if rows.insert_unless_there(tx, alerts, key=key, first_at=now, times=1, **values):
        return True
    this = alerts.c.key == key
    anew = update(alerts).where(this, alerts.c.over_at <= now)
    if tx.execute(anew.values(**values, first_at=now, times=1, told_at=None)).rowcount:
        return True
    tx.execute(update(alerts).where(this).values(**values, times=alerts.c.times + 1))
    if again_after is None:
        return False
    long_ago = update(alerts).where(this, alerts.c.told_at < now - again_after)
    return tx.execute(long_ago.values(told_at=None)).rowcount == 1


def over(tx: Tx, key: str, *, now: datetime) -> bool:
    """A matter is over. False if it did not stand."""
    return tx.execute(_over(), {"which": key, "now": now}).rowcount == 1


@cache
def _over() -> Update:
    now = bindparam("now", type_=Utc)
    this = update(alerts).where(alerts.c.key == bindparam("which"), _stands(now))
    return this.values(over_at=now)


def one(tx: Tx, key: str, *, now: datetime) -> Alert | None:
    """Give the matter of a key, if it stands."""
    row = tx.execute(select(alerts).where(alerts.c.key == key, _stands(now))).one_or_none()
    return rows.as_record(Alert, row) if row else None


def untold(tx: Tx, *, limit: int) -> list[Alert]:
    """Give the matters that nobody was told of yet, the oldest first."""
    statement = select(alerts).where(alerts.c.told_at.is_(None)).order_by(alerts.c.last_at).limit(limit)
    return [rows.as_record(Alert, row) for row in tx.execute(statement)]


def any_untold(tx: Tx, *, since: datetime) -> bool:
    """Say whether there is one that has come up first at that time or earlier."""
    these = select(alerts.c.key).where(alerts.c.told_at.is_(None), alerts.c.first_at <= since)
    return tx.execute(these.limit(1)).first() is not None


def untold_keys(tx: Tx) -> list[str]:
    """Name all of them."""
    return list(tx.execute(select(alerts.c.key).where(alerts.c.told_at.is_(None))).scalars())


def told(tx: Tx, keys: Collection[str], *, now: datetime) -> None:
    """Somebody was told of these."""
    names = sorted(keys)
    for part in (names[i : i + _PART] for i in range(0, len(names), _PART)):
        tx.execute(update(alerts).where(alerts.c.key.in_(part)).values(told_at=now))


def latest(tx: Tx, *, limit: int) -> list[Alert]:
    """Give the matters that came up last."""
    statement = select(alerts).order_by(alerts.c.last_at.desc()).limit(limit)
    return [rows.as_record(Alert, row) for row in tx.execute(statement)]


def standing(
    tx: Tx, *, now: datetime, limit: int, after: tuple[datetime, str] | None = None
) -> tuple[list[Alert], tuple[datetime, str] | None]:
    """List the matters that are not over, the newest first, with the cursor of the next page.

    That is when the last one came up and its key: it may be gone, or have come up anew, by the next page.
    """
    statement = select(alerts).where(_stands(now))
    if after is not None:
        first_at, key = after
        same_time = and_(alerts.c.first_at == first_at, alerts.c.key > key)
        statement = statement.where(or_(alerts.c.first_at < first_at, same_time))
    found = tx.execute(statement.order_by(alerts.c.first_at.desc(), alerts.c.key).limit(limit + 1)).all()
    page = [rows.as_record(Alert, row) for row in found[:limit]]
    return page, (page[-1].first_at, page[-1].key) if len(found) > limit else None


def standing_keys(tx: Tx, prefix: str, *, now: datetime) -> list[str]:
    """Name the matters that are not over and whose keys begin so."""
    begins = func.substr(alerts.c.key, 1, len(prefix)) == prefix
    return list(tx.execute(select(alerts.c.key).where(begins, _stands(now))).scalars())


def any_over(tx: Tx, *, before: datetime) -> bool:
    """Say whether there is something for `forget` to delete."""
    return tx.execute(select(alerts.c.key).where(_forgettable(before)).limit(1)).first() is not None


def forget(tx: Tx, *, before: datetime) -> int:
    """Delete what was over, and told, before then. Returns how many that were."""
    return tx.execute(delete(alerts).where(_forgettable(before))).rowcount


def _forgettable(before: datetime) -> ColumnElement[bool]:
    return and_(alerts.c.over_at < before, alerts.c.told_at.is_not(None))


def _stands(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    return or_(alerts.c.over_at.is_(None), alerts.c.over_at > now)
