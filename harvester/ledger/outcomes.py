"""What each actor run found for each of its leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, String, Update, and_, bindparam, case, func, select, update

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, lead_outcomes, rejects, sightings
from harvester.ledger.types import Utc
from harvester.models import ORPHAN_SEPARATOR, LeadAnswer


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one lead in one actor run, and what the actor has told about it (None: no word yet)."""

    lead_id: int
    outcome: str
    posts_found: int
    detail: str | None = None
    answer: LeadAnswer | None = None


def decide(tx: Tx, actor_run_id: int, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write what came of leads in one actor run.

    Posts count for the day on which they were first found, however often the run is looked at again.
    """
    values = [
        {
            "run": actor_run_id,
            "lead": one.lead_id,
            "now": now,
            "came": one.outcome,
            "found": one.posts_found,
            "told": one.answer,
            "why": one.detail,
        }
        for one in outcomes
    ]
    if values:
        tx.execute(_decided(), values)


@cache
def _decided() -> Update:
    this = and_(
        lead_outcomes.c.actor_run_id == bindparam("run"), lead_outcomes.c.lead_id == bindparam("lead")
    )
    now = bindparam("now", type_=Utc)
    return (
        update(lead_outcomes)
        .where(this)
        .values(
            outcome=bindparam("came"),
            posts_found=bindparam("found"),
            answer=bindparam("told"),
            detail=bindparam("why"),
            decided_at=case((lead_outcomes.c.posts_found == 0, now), else_=lead_outcomes.c.decided_at),
        )
    )


def posts_by_lead(tx: Tx, actor_run_id: int) -> dict[int, int]:
    """Count the distinct posts that an actor run found under each lead."""
    statement = (
        select(sightings.c.lead_id, func.count())
        .where(sightings.c.actor_run_id == actor_run_id)
        .group_by(sightings.c.lead_id)
    )
    return dict(tx.execute(statement).all())


def errors_by_lead(tx: Tx, actor_run_id: int) -> dict[int, str]:
    """Give, for each lead that the actor sent an error about, one of those errors."""
    statement = (
        select(rejects.c.lead_id, func.min(rejects.c.detail))
        .where(
            rejects.c.actor_run_id == actor_run_id,
            rejects.c.reason == "error_item",
            rejects.c.lead_id.is_not(None),
        )
        .group_by(rejects.c.lead_id)
    )
    return dict(tx.execute(statement).all())


def posts_since(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the posts found for a client's leads since then, lead by lead, and not twice for an orphan."""
    return int(tx.execute(posts_asked(), {"client_id": client_id, "since": since}).scalar_one())


@cache
def posts_asked() -> Select[Any]:
    """Give the statement that counts them, for `client_id` and `since`."""
    return (
        select(func.coalesce(func.sum(lead_outcomes.c.posts_found), 0))
        .join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
        .where(
            actor_runs.c.client_id == bindparam("client_id", type_=String),
            lead_outcomes.c.decided_at >= bindparam("since", type_=Utc),
            ~actor_runs.c.marker.contains(ORPHAN_SEPARATOR, autoescape=True),
        )
    )


def by_lead(tx: Tx, lead_id: int, *, limit: int) -> list[dict[str, object]]:
    """Give what the latest actor runs found for one lead, newest first."""
    statement = (
        select(
            actor_runs.c.client_run_id,
            lead_outcomes.c.outcome,
            lead_outcomes.c.posts_found,
            lead_outcomes.c.detail,
            lead_outcomes.c.decided_at,
        )
        .join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
        .where(lead_outcomes.c.lead_id == lead_id)
        .order_by(lead_outcomes.c.actor_run_id.desc())
        .limit(limit)
    )
    return [dict(row._mapping) for row in tx.execute(statement)]
