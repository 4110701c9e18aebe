"""The story of a client run: what happened to it and its actor runs, one line each, in the order it did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.page_tables import run_events


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a story. `batch` is None where it is about the client run as a whole."""

    id: int
    at: datetime
    client_run_id: str
    batch: int | None
    kind: str
    detail: str


def add(
    tx: Tx, client_run_id: str, kind: str, detail: str, *, now: datetime, batch: int | None = None
) -> None:
    """Write a line, in the transaction in which it happens."""
    values = {"at": now, "client_run_id": client_run_id, "batch": batch, "kind": kind, "detail": detail}
    tx.execute(insert(run_events).values(**values))


def of_client_run(tx: Tx, client_run_id: str, *, after: int = 0, limit: int) -> Iterator[RunEvent]:
    """Give lines of a client run's story, oldest first, from the one behind `after`."""
    which = run_events.c.client_run_id == client_run_id, run_events.c.id > after
    statement = select(run_events).where(*which).order_by(run_events.c.id).limit(limit)
    return (rows.as_record(RunEvent, row) for row in tx.execute(statement))
