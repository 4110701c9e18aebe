"""What a client run has brought, as a query. Every number is counted anew, so a repeat changes nothing."""

from __future__ import annotations

from sqlalchemy import func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, posts, rejects, sightings
from harvester.models import Metrics


def of_client_run(tx: Tx, client_run_id: str) -> Metrics:
    """Count a client run's profiles, posts, rejects, actor runs and cost over its distinct actor runs."""
    ours = actor_runs.c.client_run_id == client_run_id
    started = select(
        func.coalesce(func.sum(actor_runs.c.profiles), 0),
        func.coalesce(func.sum(actor_runs.c.cost_micros), 0),
        func.count(),
    ).where(ours, actor_runs.c.apify_run_id.is_not(None))
    profiles, cost_micros, runs = tx.execute(started).one()
    harvested = (
        select(func.count(sightings.c.post_id.distinct()))
        .join(actor_runs, actor_runs.c.id == sightings.c.actor_run_id)
        .where(ours)
    )
    new = select(func.count()).select_from(posts).where(posts.c.first_client_run_id == client_run_id)
    refused = (
        select(func.count())
        .select_from(rejects)
        .join(actor_runs, actor_runs.c.id == rejects.c.actor_run_id)
        .where(ours)
    )
    return Metrics(
        profiles_submitted=int(profiles),
        posts_harvested=tx.execute(harvested).scalar_one(),
        posts_new=tx.execute(new).scalar_one(),
        items_rejected=tx.execute(refused).scalar_one(),
        cost_micros=int(cost_micros),
        actor_runs=runs,
    )
