"""How many requests Airtable was sent: a workspace has so many a month, and then none.

Counted per base, because the API does not tell which workspace a base belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from harvester.ledger.airtable_tables import airtable_calls
from harvester.ledger.database import Tx


@dataclass(frozen=True, slots=True)
class Count:
    """Requests of one base in one month; `refused` are those among them that were answered with 429."""

    calls: int
    refused: int


def month_of(moment: datetime) -> str:
    """Name the month in UTC that a moment is in, such as `2026-11`."""
    return f"{moment.astimezone(UTC):%Y-%m}"


def count(tx: Tx, base: str, *, now: datetime) -> None:
    """Count one request."""
    _add(tx, base, now, "calls")


def refused(tx: Tx, base: str, *, now: datetime) -> None:
    """Count a request, counted already, as refused."""
    _add(tx, base, now, "refused")


def calls(tx: Tx, month: str) -> dict[str, Count]:
    """Give what was sent in a month, for each base that was asked in it, by name."""
    statement = select(airtable_calls).where(airtable_calls.c.month == month)
    found = tx.execute(statement.order_by(airtable_calls.c.base))
    return {row.base: Count(row.calls, row.refused) for row in found}


def _add(tx: Tx, base: str, now: datetime, column: str) -> None:
    tx.execute(_adding(column, on_sqlite=tx.on_sqlite), {"base": base, "month": month_of(now), column: 1})


@cache
def _adding(column: str, *, on_sqlite: bool) -> Any:
    more = {column: airtable_calls.c[column] + 1}
    statement = sqlite.insert(airtable_calls) if on_sqlite else postgresql.insert(airtable_calls)
    return statement.on_conflict_do_update(index_elements=["base", "month"], set_=more)
