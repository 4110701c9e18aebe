"""How long nothing was harvested, and whether there is anybody who could have been."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from harvester.ledger import pauses
from harvester.ledger.database import Tx
from harvester.ledger.tables import client_runs, clients


def last_started(tx: Tx) -> datetime | None:
    """Tell when the latest client run was made or tried again; None if there was none."""
    last = select(client_runs.c.created_at).order_by(client_runs.c.id.desc()).limit(1)
    made: datetime | None = tx.execute(last).scalar_one_or_none()
    again: datetime | None = tx.execute(select(func.max(client_runs.c.retried_at))).scalar_one()
    return max((one for one in (made, again) if one is not None), default=None)


def could_harvest_since(tx: Tx, *, status: str, from_level: int) -> datetime | None:
    """Tell since when there is a client that may be harvested, and is not paused; None if there is none."""
    paused = pauses.scopes(tx)
    if pauses.ALL in paused:
        return None
    statement = select(func.min(clients.c.created_at)).where(
        clients.c.status == status,
        clients.c.service_level >= from_level,
        clients.c.daily_target > 0,
        clients.c.airtable_error.is_(None),
        clients.c.client_id.not_in(paused),
    )
    since: datetime | None = tx.execute(statement).scalar_one()
    return since
