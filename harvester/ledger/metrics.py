"""What client runs have brought, as queries. Every number is counted anew, so a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, posts, rejects, sightings
from harvester.models import Metrics


def of_client_run(tx: Tx, client_run_id: str) -> Metrics:
    """Count a client run's profiles, posts, rejects, actor runs and cost over its distinct actor runs."""
    return of_client_runs(tx, [client_run_id])[client_run_id]


def of_client_runs(tx: Tx, client_run_ids: Collection[str]) -> dict[str, Metrics]:
    """Count the same for several client runs, by their IDs; at most some hundred at once."""
    run_id = actor_runs.c.client_run_id
    ours = run_id.in_(client_run_ids)
    started = (
        select(run_id, func.sum(actor_runs.c.profiles), func.sum(actor_runs.c.cost_micros), func.count())
        .where(ours, actor_runs.c.apify_run_id.is_not(None))
        .group_by(run_id)
    )
    sums = {found: (profiles, cost or 0, runs) for found, profiles, cost, runs in tx.execute(started)}
    seen = func.count(sightings.c.post_id.distinct())
    harvested = _counts(tx, _of_actor_runs(run_id, seen, sightings.c.actor_run_id, ours))
    refused = _counts(tx, _of_actor_runs(run_id, func.count(), rejects.c.actor_run_id, ours))
    first = posts.c.first_client_run_id
    new = _counts(tx, select(first, func.count()).where(first.in_(client_run_ids)).group_by(first))
    return {
        one: Metrics(
            profiles_submitted=int(sums.get(one, (0, 0, 0))[0]),
            posts_harvested=harvested.get(one, 0),
            posts_new=new.get(one, 0),
            items_rejected=refused.get(one, 0),
            cost_micros=int(sums.get(one, (0, 0, 0))[1]),
            actor_runs=sums.get(one, (0, 0, 0))[2],
        )
        for one in client_run_ids
    }


def _of_actor_runs(run_id: Any, count: Any, key: Any, ours: ColumnElement[bool]) -> Select[Any]:
    joined = select(run_id, count).select_from(key.table).join(actor_runs, actor_runs.c.id == key)
    return joined.where(ours).group_by(run_id)


def _counts(tx: Tx, statement: Select[Any]) -> dict[str, int]:
    return dict(tx.execute(statement).all())
