"""What client runs have brought, as queries. Every number is counted anew, so a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, bindparam, func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, posts, rejects, sightings
from harvester.models import Metrics


def of_client_run(tx: Tx, client_run_id: str) -> Metrics:
    """Count a client run's profiles, posts, rejects, actor runs and cost over its distinct actor runs."""
    found = tx.execute(_of_one(), {"one": client_run_id}).one()
    return Metrics(**{name: int(value or 0) for name, value in found._mapping.items()})


@cache
def _of_one() -> Select[Any]:
    """Count all of one client run in one statement: it is asked for at every step of a harvest."""
    one = bindparam("one", type_=String)
    ours = actor_runs.c.client_run_id == one
    started = and_(ours, actor_runs.c.apify_run_id.is_not(None))
    seen = select(func.count(sightings.c.post_id.distinct())).join(
        actor_runs, actor_runs.c.id == sightings.c.actor_run_id
    )
    refused = (
        select(func.count()).select_from(rejects).join(actor_runs, actor_runs.c.id == rejects.c.actor_run_id)
    )
    new = select(func.count()).select_from(posts).where(posts.c.first_client_run_id == one)
    return select(
        func.sum(actor_runs.c.profiles).label("profiles_submitted"),
        seen.where(ours).scalar_subquery().label("posts_harvested"),
        new.scalar_subquery().label("posts_new"),
        refused.where(ours).scalar_subquery().label("items_rejected"),
        func.sum(actor_runs.c.cost_micros).label("cost_micros"),
        func.count().label("actor_runs"),
    ).where(started)


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
