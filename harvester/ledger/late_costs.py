"""Costs that Apify had not told for good when an actor run was over: which are due to be asked for again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select, update

from harvester.ledger.actor_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRun, ActorRunState

_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)


def due(tx: Tx, *, now: datetime, limit: int) -> list[ActorRun]:
    """Give the actor runs that are over and whose cost is to be asked for, those due longest first."""
    cost_due_at = actor_runs.c.cost_due_at
    statement = (
        select(actor_runs)
        .where(cost_due_at <= now, actor_runs.c.state.in_(_OVER), actor_runs.c.apify_run_id.is_not(None))
        .order_by(cost_due_at)
        .limit(limit)
    )
    return [from_row(row) for row in tx.execute(statement)]


def note(tx: Tx, run: ActorRun, *, cost_micros: int | None, due_at: datetime | None) -> bool:
    """Keep what an actor run has cost, and when to ask again (None: it is told for good).

    False, and nothing is kept, if it has been taken up by somebody since it was read.
    """
    statement = update(actor_runs).where(actor_runs.c.id == run.id, actor_runs.c.fence == run.fence)
    if tx.execute(statement.values(cost_micros=cost_micros, cost_due_at=due_at)).rowcount != 1:
        return False
    if cost_micros != run.cost_micros:
        tx.owe(Kind.ACTOR_RUN, run.id)
    return True
