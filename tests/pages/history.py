"""Client runs of the past, written down as they would be by now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from harvester import run_ids
from harvester.ledger import Ledger, tables
from harvester.models import ClientRunStatus


def past_run(
    ledger: Ledger,
    client_id: str,
    at: datetime,
    status: ClientRunStatus = ClientRunStatus.COMPLETED,
    **values: Any,
) -> str:
    """Store a client run that was started then and took ten minutes, unless it is live. Gives its ID."""
    run_id = next(run_ids.candidates(at))
    over = None if status is ClientRunStatus.RUNNING else at + timedelta(minutes=10)
    row = {
        "client_run_id": f"{run_id}-{client_id}",
        "run_id": run_id,
        "client_id": client_id,
        "client_name": client_id,
        "source": "schedule",
        "status": status,
        "created_at": at,
        "started_at": at,
        "finished_at": over,
        "max_batches": 10,
        "system_notes": "",
    }
    with ledger.write() as tx:
        tx.execute(insert(tables.client_runs).values(**{**row, **values}))
    return str(row["client_run_id"])
