"""Answers kept by `Idempotency-Key`, in the transaction of what they answer for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.tables import idempotency_keys

#: In place of a client's ID, which it cannot be: the answer is for many clients.
MANY: Final = "*"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What was answered under a key, and for which client, or `MANY`."""

    client_id: str
    answer: dict[str, Any]


def get(tx: Tx, key: str) -> KeptAnswer | None:
    """Give the answer kept under a key. No other transaction can use the key until `tx` ends."""
    tx.exclusively(f"idempotency:{key}")
    statement = select(idempotency_keys).where(idempotency_keys.c.key == key)
    row = tx.execute(statement).one_or_none()
    return rows.as_record(KeptAnswer, row) if row else None


def keep(tx: Tx, key: str, answer: KeptAnswer, *, now: datetime) -> None:
    """Keep an answer under a key that `get` found free."""
    rows.insert_unless_there(
        tx,
        idempotency_keys,
        key=key,
        client_id=answer.client_id,
        answer=answer.answer,
        created_at=now,
    )
