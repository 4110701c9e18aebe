"""Pauses: of whom nothing is started at Apify until a person lifts it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import pauses

#: The scope of a pause for all clients; any other scope is a client's ID.
ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class Pause:
    """Starts that wait: whose, since when, why, and who said so."""

    scope: str
    since: datetime
    reason: str
    paused_by: str


def put(tx: Tx, pause: Pause) -> bool:
    """Write down a pause. False if there is one of this scope; it is left as it was."""
    values = {name: getattr(pause, name) for name in Pause.__dataclass_fields__}
    return rows.insert_unless_there(tx, pauses, **values)


def get(tx: Tx, scope: str) -> Pause | None:
    """Give the pause of exactly this scope."""
    row = tx.execute(select(pauses).where(pauses.c.scope == scope)).one_or_none()
    return rows.as_record(Pause, row) if row else None


def lift(tx: Tx, scope: str) -> bool:
    """End a pause. False if there is none of this scope."""
    return tx.execute(delete(pauses).where(pauses.c.scope == scope)).rowcount == 1


def standing(tx: Tx) -> list[Pause]:
    """Give all pauses, that of all clients first."""
    found = [rows.as_record(Pause, row) for row in tx.execute(select(pauses).order_by(pauses.c.scope))]
    return sorted(found, key=lambda pause: pause.scope != ALL)


def scopes(tx: Tx) -> set[str]:
    """Give the scopes that are paused."""
    return set(tx.execute(select(pauses.c.scope)).scalars())


def of_client(tx: Tx, client_id: str) -> Pause | None:
    """Give the pause that keeps a client's batches from starting: that of all before its own."""
    return get(tx, ALL) or get(tx, client_id)
