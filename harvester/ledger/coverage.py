"""Coverage: what each profile that a client run has submitted was answered, over all its actor runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Subquery, case, func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, lead_outcomes, leads
from harvester.models import LeadAnswer, LeadStatus


@dataclass(frozen=True, slots=True)
class Covered:
    """One submitted profile: its answer (None: none yet), posts, why if that is known, and who told it."""

    lead_id: int
    profile_url: str
    answer: LeadAnswer | None
    posts_found: int
    detail: str | None
    apify_run_id: str
    unreachable_at: datetime | None


def counts(tx: Tx, client_run_id: str) -> tuple[dict[LeadAnswer | None, int], int]:
    """Count the profiles of a client run by their answer, and those of them that are unreachable now."""
    found = _latest(client_run_id)
    gone = func.count(leads.c.unreachable_at)
    statement = select(found.c.answer, func.count(), gone).join(leads, leads.c.id == found.c.lead_id)
    rows = tx.execute(statement.where(found.c.rank == 1).group_by(found.c.answer)).all()
    by_answer = {LeadAnswer(answer) if answer else None: number for answer, number, _ in rows}
    return by_answer, sum(row[2] for row in rows)


def page(tx: Tx, client_run_id: str, *, limit: int, after: int = 0) -> list[Covered]:
    """List the profiles of a client run, in the order in which their leads came, from behind `after`."""
    found = _latest(client_run_id)
    statement: Select[Any] = (
        select(found, leads.c.profile_url, leads.c.unreachable_at)
        .join(leads, leads.c.id == found.c.lead_id)
        .where(found.c.rank == 1, found.c.lead_id > after)
        .order_by(found.c.lead_id)
        .limit(limit)
    )
    return [
        Covered(
            lead_id=row.lead_id,
            profile_url=row.profile_url,
            answer=LeadAnswer(row.answer) if row.answer else None,
            posts_found=row.posts_found,
            detail=row.detail,
            apify_run_id=row.apify_run_id,
            unreachable_at=row.unreachable_at,
        )
        for row in tx.execute(statement)
    ]


def _latest(client_run_id: str) -> Subquery:
    """Rank what each lead of a client run was answered: posts first of all, then the latest word.

    Before answers were kept, a lead's outcome was all there was; `Pending` may have been an error or nothing.
    """
    outcome = lead_outcomes.c.outcome
    told = case(
        (lead_outcomes.c.answer.is_not(None), lead_outcomes.c.answer),
        (outcome == LeadStatus.DONE, LeadAnswer.POSTS.value),
        (outcome == LeadStatus.NO_POSTS, LeadAnswer.NONE.value),
    )
    order = (
        case((told == LeadAnswer.POSTS.value, 0), (told.is_not(None), 1), else_=2),
        lead_outcomes.c.actor_run_id.desc(),
    )
    return (
        select(
            lead_outcomes.c.lead_id,
            told.label("answer"),
            lead_outcomes.c.posts_found,
            lead_outcomes.c.detail,
            actor_runs.c.apify_run_id,
            func.row_number().over(partition_by=lead_outcomes.c.lead_id, order_by=order).label("rank"),
        )
        .join(actor_runs, actor_runs.c.id == lead_outcomes.c.actor_run_id)
        .where(actor_runs.c.client_run_id == client_run_id, actor_runs.c.apify_run_id.is_not(None))
        .subquery()
    )
