"""What a client's actor runs have used, and may still use: money, batches, posts asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRunState


def spent_micros(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Sum what a client's actor runs started since then have cost so far, in millionths of a USD."""
    statement = select(func.coalesce(func.sum(actor_runs.c.cost_micros), 0)).where(
        actor_runs.c.client_id == client_id, actor_runs.c.start_requested_at >= since
    )
    return int(tx.execute(statement).scalar_one())


def posts_to_come(tx: Tx, client_id: str) -> int:
    """Count the posts that a client's open actor runs may bring at the most."""
    asked = func.coalesce(func.sum(actor_runs.c.profiles * actor_runs.c.max_posts), 0)
    still_open = actor_runs.c.state.not_in([ActorRunState.INGESTED, ActorRunState.FAILED])
    return int(tx.execute(select(asked).where(actor_runs.c.client_id == client_id, still_open)).scalar_one())


def batches_since(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the batches planned for a client since then."""
    statement = (
        select(func.count())
        .select_from(actor_runs)
        .where(actor_runs.c.client_id == client_id, actor_runs.c.created_at >= since)
    )
    return int(tx.execute(statement).scalar_one())
