"""What profiles have cost so far, by Apify's figures."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRunState


def micros_per_profile(tx: Tx, *, since: datetime, client_id: str | None = None) -> float | None:
    """Give what a profile cost on average, in millionths of a USD, in actor runs ingested since then.

    A client's own, or everybody's; None without any.
    """
    statement = select(func.sum(actor_runs.c.cost_micros), func.sum(actor_runs.c.profiles)).where(
        actor_runs.c.start_requested_at >= since,
        actor_runs.c.state == ActorRunState.INGESTED,
        actor_runs.c.cost_micros.is_not(None),
    )
    if client_id is not None:
        statement = statement.where(actor_runs.c.client_id == client_id)
    cost, profiles = tx.execute(statement).one()
    return float(cost) / float(profiles) if profiles else None
