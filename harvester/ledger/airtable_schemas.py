"""What Airtable's bases look like, as last read: kept so that a rename is noticed and few calls are spent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from harvester.ledger import rows
from harvester.ledger.airtable_tables import airtable_schemas
from harvester.ledger.database import Tx


def get(tx: Tx, base: str) -> tuple[dict[str, Any], datetime] | None:
    """Give a base's schema as JSON and when it was read; None if it never was."""
    statement = select(airtable_schemas).where(airtable_schemas.c.base == base)
    row = tx.execute(statement).one_or_none()
    return (row.tables, row.read_at) if row else None


def keep(tx: Tx, base: str, schema: dict[str, Any], *, now: datetime) -> None:
    """Keep a base's schema."""
    insert = rows.upsert(tx, airtable_schemas).values(base=base, tables=schema, read_at=now)
    values = {"tables": schema, "read_at": now}
    tx.execute(insert.on_conflict_do_update(index_elements=["base"], set_=values))


def forget(tx: Tx, base: str) -> None:
    """Forget a base's schema: the next look reads it anew."""
    tx.execute(delete(airtable_schemas).where(airtable_schemas.c.base == base))
