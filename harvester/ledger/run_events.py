"""The story of a client run: what happened to it and its actor runs, one line each, in the order it did."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, literal, select

from harvester.ledger.database import Tx
from harvester.ledger.page_tables import run_events
from harvester.ledger.tables import actor_runs
from harvester.ledger.types import Utc

#: Characters of a line that are kept: an actor's own message may be long.
_DETAIL_CHARS: Final = 500
#: Without the IDs that a database gives to the lines: nobody asks for them.
_NEW_LINE: Final = run_events.insert().inline()


def add(
    tx: Tx, client_run_id: str, kind: str, detail: str, *, now: datetime, batch: int | None = None
) -> None:
    """Write a line, in the transaction in which it happens."""
    tx.execute(_NEW_LINE, _line(client_run_id, kind, detail, now, batch))


def add_to_each(tx: Tx, kind: str, details: Mapping[str, str], *, now: datetime) -> None:
    """Write a line into the story of each of several client runs, by their IDs."""
    lines = [_line(full_id, kind, detail, now, None) for full_id, detail in sorted(details.items())]
    if lines:
        tx.execute(_NEW_LINE, lines)


def add_of_row(tx: Tx, actor_run_row: int, kind: str, detail: str, *, now: datetime) -> None:
    """Write a line about an actor run of which only the row's ID is at hand."""
    row = select(
        literal(now, Utc),
        actor_runs.c.client_run_id,
        actor_runs.c.batch,
        literal(kind),
        literal(detail[:_DETAIL_CHARS]),
    ).where(actor_runs.c.id == actor_run_row)
    tx.execute(insert(run_events).from_select(["at", "client_run_id", "batch", "kind", "detail"], row))


def _line(full_id: str, kind: str, detail: str, now: datetime, batch: int | None) -> dict[str, Any]:
    told = detail[:_DETAIL_CHARS]
    return {"at": now, "client_run_id": full_id, "batch": batch, "kind": kind, "detail": told}
