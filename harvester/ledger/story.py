"""What the story of a client run is told from beside its own lines: the activity log, webhook calls, rejects.

Each part is read by its own row IDs, in which it grows; clocks of several machines are not compared.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select, tuple_

from harvester.ledger.database import Tx
from harvester.ledger.page_tables import run_events
from harvester.ledger.tables import activity, actor_runs, deliveries, leads, rejects, sightings

Rows = list[dict[str, Any]]


def is_told(tx: Tx, client_run_id: str) -> bool:
    """Say whether a client run has lines of its own: before there were any, or once they are pruned, not."""
    return bool(tx.execute(select(exists().where(run_events.c.client_run_id == client_run_id))).scalar_one())


def events(tx: Tx, client_run_id: str, *, after: int, limit: int, latest: bool = False) -> Rows:
    """Give lines of its own, oldest first: those behind `after`, or the `latest`."""
    statement = select(run_events).where(run_events.c.client_run_id == client_run_id)
    return _page(tx, statement, run_events.c.id, after, limit, latest)


def activities(
    tx: Tx, client_run_id: str, *, after: int, limit: int, updates: bool, latest: bool = False
) -> Rows:
    """Give lines of the activity log; without `updates`, not that its record was brought up to date."""
    which: list[ColumnElement[bool]] = [activity.c.client_run_id == client_run_id]
    if not updates:
        which.append(~and_(activity.c.operation == "update", activity.c.ok))
    return _page(tx, select(activity).where(*which), activity.c.id, after, limit, latest)


def calls(tx: Tx, client_run_id: str, *, after: int, limit: int, latest: bool = False) -> Rows:
    """Give the webhook calls for its actor runs, without headers and bodies."""
    names = ("id", "event_type", "apify_run_id", "outcome", "received_at", "processed_at", "result")
    statement = (
        select(*(deliveries.c[name] for name in names), actor_runs.c.batch)
        .join(actor_runs, actor_runs.c.id == deliveries.c.actor_run_id)
        .where(actor_runs.c.client_run_id == client_run_id)
    )
    return _page(tx, statement, deliveries.c.id, after, limit, latest)


def _page(
    tx: Tx, statement: Select[Any], row_id: ColumnElement[int], after: int, limit: int, latest: bool
) -> Rows:
    in_order = row_id.desc() if latest else row_id
    found = tx.execute(statement.where(row_id > after).order_by(in_order).limit(limit))
    rows = [dict(row._mapping) for row in found]
    return rows[::-1] if latest else rows


def rejects_of(tx: Tx, client_run_id: str, *, after: tuple[int, int], limit: int) -> Rows:
    """Give the items of a client run that became no posts, by batch and place, behind `after`."""
    place = tuple_(actor_runs.c.batch, rejects.c.position)
    columns = (rejects.c.position, rejects.c.reason, rejects.c.detail, rejects.c.sample)
    statement = (
        select(*columns, actor_runs.c.batch, actor_runs.c.apify_run_id, leads.c.profile_url)
        .join(actor_runs, actor_runs.c.id == rejects.c.actor_run_id)
        .join(leads, leads.c.id == rejects.c.lead_id, isouter=True)
        .where(actor_runs.c.client_run_id == client_run_id, place > after)
        .order_by(actor_runs.c.batch, rejects.c.position)
        .limit(limit)
    )
    return [dict(row._mapping) for row in tx.execute(statement)]


def counts(tx: Tx, client_run_id: str) -> dict[int, tuple[int, int]]:
    """Count the distinct posts and the rejects of each actor run of a client run, by the row's ID."""
    posts = func.count(sightings.c.post_id.distinct())
    seen = _per_row(tx, client_run_id, sightings.c.actor_run_id, posts)
    refused = _per_row(tx, client_run_id, rejects.c.actor_run_id, func.count())
    return {row_id: (seen.get(row_id, 0), refused.get(row_id, 0)) for row_id in seen.keys() | refused.keys()}


def _per_row(
    tx: Tx, client_run_id: str, row_id: ColumnElement[int], number: ColumnElement[int]
) -> dict[int, int]:
    its_own = select(actor_runs.c.id).where(actor_runs.c.client_run_id == client_run_id)
    statement = select(row_id, number).where(row_id.in_(its_own)).group_by(row_id)
    return dict(tx.execute(statement).all())
