"""Invented clients with their leads, stored in one go: as many as each call of a benchmark is to have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import insert

from harvester.ledger import Ledger
from harvester.ledger.tables import clients, leads

LEADS: Final = 20


def store(url: str, sizes: Sequence[int]) -> None:
    """Store so many clients for each call, each call's in a stream of its own, from 1 on.

    A client has leads for one batch, and a target of the day that these are enough for.
    """
    now = datetime.now(UTC)
    numbered = [(stream, at) for stream, size in enumerate(sizes, 1) for at in range(size)]
    rows = [
        {
            "client_id": f"Client-{stream:02d}-{at:04d}",
            "name": f"Client {at}",
            "status": "Active",
            "service_level": 2,
            "daily_target": 2 * LEADS,
            "batch_size": LEADS,
            "max_batches": 10,
            "stream": stream,
            "timezone": "UTC",
            "created_at": now,
        }
        for stream, at in numbered
    ]
    ledger = Ledger(url)
    with closing(ledger), ledger.write(patient=True) as tx:
        tx.execute(insert(clients), rows)
        tx.execute(insert(leads), [lead for row in rows for lead in _leads(row["client_id"], now)])


def _leads(client_id: Any, now: datetime) -> Iterator[dict[str, Any]]:
    for lead in range(LEADS):
        profile = f"https://www.linkedin.com/in/{client_id}-{lead}".lower()
        yield {
            "client_id": client_id,
            "profile_url": profile,
            "given_url": profile,
            "extra": {},
            "created_at": now,
        }
