"""Alerts: what somebody should be told of, once for each matter until it comes up again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import alerts
from harvester.ledger.database import Tx


@dataclass(frozen=True, slots=True)
class Alert:
    """One matter. `times` counts how often it has come up, `told_at` says when somebody was last told."""

    key: str
    text: str
    first_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None


def bring_up(tx: Tx, key: str, text: str, *, now: datetime, again_after: timedelta) -> bool:
    """Bring a matter up. True if it is to be told: it is new, or was told longer ago than `again_after`."""
    new = rows.insert_unless_there(tx, alerts, key=key, text=text, first_at=now, last_at=now, times=1)
    if new:
        return True
    this = alerts.c.key == key
    changed = {"text": text, "last_at": now, "times": alerts.c.times + 1}
    tx.execute(update(alerts).where(this).values(**changed))
    long_ago = update(alerts).where(this, alerts.c.told_at < now - again_after)
    return tx.execute(long_ago.values(told_at=None)).rowcount == 1


def untold(tx: Tx, *, limit: int) -> list[Alert]:
    """Give the matters that nobody was told of yet, the oldest first."""
    statement = select(alerts).where(alerts.c.told_at.is_(None)).order_by(alerts.c.last_at).limit(limit)
    return [rows.as_record(Alert, row) for row in tx.execute(statement)]


def told(tx: Tx, keys: list[str], *, now: datetime) -> None:
    """Somebody was told of these."""
    tx.execute(update(alerts).where(alerts.c.key.in_(keys)).values(told_at=now))


def latest(tx: Tx, *, limit: int) -> list[Alert]:
    """Give the matters that came up last."""
    statement = select(alerts).order_by(alerts.c.last_at.desc()).limit(limit)
    return [rows.as_record(Alert, row) for row in tx.execute(statement)]
