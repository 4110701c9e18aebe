"""New actor runs: a planned one for each batch of leads, and one that was started twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Insert, bindparam, insert, literal, select
from sqlalchemy.sql.dml import ReturningInsert

from harvester.ledger import actor_runs, many_ids, run_events
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs as actor_runs_table
from harvester.ledger.tables import lead_outcomes
from harvester.ledger.tables import leads as leads_table
from harvester.models import ActorRun, ActorRunState, Lead


def plan(
    tx: Tx,
    leads: Sequence[Lead],
    *,
    marker: str,
    client_run_id: str,
    client_id: str,
    batch: int,
    actor_id: str,
    max_posts: int,
    now: datetime,
    lot: int | None = None,
) -> int:
    """Insert one actor run, due at once, with its leads as targets. Returns the row's ID.

    `lot`: the number of the first actor run of the same batch of leads, where that takes several.
    """
    values = {
        "marker": marker,
        "client_run_id": client_run_id,
        "client_id": client_id,
        "batch": batch,
        "lot": lot,
        "state": ActorRunState.PLANNED,
        "actor_id": actor_id,
        "max_posts": max_posts,
        "profiles": len(leads),
        "next_check_at": now,
        "created_at": now,
    }
    row_id: int = tx.execute(_new(), values).scalar_one()
    ids = many_ids.as_value(tx, [lead.id for lead in leads])
    tx.execute(_new_targets(on_sqlite=tx.on_sqlite), {"row_id": row_id, "ids": ids})
    return row_id


@cache
def _new() -> ReturningInsert[Any]:
    return insert(actor_runs_table).returning(actor_runs_table.c.id)


@cache
def _new_targets(*, on_sqlite: bool) -> Insert:
    """Insert the targets of an actor run from their leads: what the database has need not be sent to it."""
    row_id = bindparam("row_id", type_=actor_runs_table.c.id.type)
    chosen = select(row_id, leads_table.c.id, leads_table.c.profile_url, literal(0))
    chosen = chosen.where(many_ids.among(leads_table.c.id, on_sqlite=on_sqlite))
    columns = ["actor_run_id", "lead_id", "target_url", "posts_found"]
    return insert(lead_outcomes).from_select(columns, chosen)


def add_orphan(
    tx: Tx, run: ActorRun, *, marker: str, apify_run_id: str, dataset_id: str, now: datetime
) -> None:
    """Insert a second actor run of Apify's that was started for the same batch, running and due at once."""
    copied = {
        "client_run_id",
        "client_id",
        "lot",
        "actor_id",
        "max_posts",
        "profiles",
        "attempt",
        "cap_micros",
    }
    statement = insert(actor_runs_table).values(
        **{name: getattr(run, name) for name in copied},
        marker=marker,
        batch=actor_runs.last_batch(tx, run.client_run_id) + 1,
        state=ActorRunState.RUNNING,
        start_requested_at=run.start_requested_at,
        apify_run_id=apify_run_id,
        dataset_id=dataset_id,
        next_check_at=now,
        cost_due_at=now,
        created_at=now,
    )
    row_id: int = tx.execute(statement.returning(actor_runs_table.c.id)).scalar_one()
    tx.owe(Kind.ACTOR_RUN, row_id)
    same = [
        {"actor_run_id": row_id, "lead_id": target.lead_id, "target_url": target.target_url}
        for target in actor_runs.targets(tx, run.id)
    ]
    tx.execute(insert(lead_outcomes), same)
    twice = f"Batch {run.batch} was started twice: its second actor run {apify_run_id} is ingested, too"
    run_events.add_of_row(tx, row_id, ActorRunState.RUNNING, twice, now=now)
