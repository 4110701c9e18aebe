"""What a client's actor runs have used, and may still use: money, batches, posts asked for."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, func, or_, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, client_runs
from harvester.models import ActorRunState, ClientRunStatus


def spent_micros(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Sum what a client's actor runs started since then have cost so far, in millionths of a USD."""
    statement = select(func.coalesce(func.sum(actor_runs.c.cost_micros), 0)).where(
        actor_runs.c.client_id == client_id, actor_runs.c.start_requested_at >= since
    )
    return int(tx.execute(statement).scalar_one())


def spent_by_all_micros(tx: Tx, *, since: datetime) -> int:
    """Sum the same over all clients."""
    statement = select(func.coalesce(func.sum(actor_runs.c.cost_micros), 0)).where(
        actor_runs.c.start_requested_at >= since
    )
    return int(tx.execute(statement).scalar_one())


def posts_to_come(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the posts that a client's open actor runs may bring at the most.

    Those of client runs that are live, or were planned since then: what is left over from a client run that
    timed out, or waits for a person, must not count for ever.
    """
    asked = func.coalesce(func.sum(actor_runs.c.profiles * actor_runs.c.max_posts), 0)
    still_open = actor_runs.c.state.not_in([ActorRunState.INGESTED, ActorRunState.FAILED])
    live = exists().where(
        client_runs.c.client_run_id == actor_runs.c.client_run_id,
        client_runs.c.status == ClientRunStatus.RUNNING,
    )
    statement = select(asked).where(
        actor_runs.c.client_id == client_id,
        still_open,
        actor_runs.c.parked_at.is_(None),
        or_(live, actor_runs.c.created_at >= since),
    )
    return int(tx.execute(statement).scalar_one())


def batches_since(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the batches planned for a client since then."""
    statement = (
        select(func.count())
        .select_from(actor_runs)
        .where(actor_runs.c.client_id == client_id, actor_runs.c.created_at >= since)
    )
    return int(tx.execute(statement).scalar_one())
