"""What the clients' harvests have brought for their money: answers, posts, and posts that are new."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, client_runs, lead_outcomes
from harvester.models import LeadStatus

#: What becomes of a lead that an actor run has answered for.
_ANSWERED = (LeadStatus.DONE, LeadStatus.NO_POSTS)


@dataclass(frozen=True, slots=True)
class Brought:
    """Sums over some time: profiles that were answered for, posts, and those of them that were new."""

    answers: int = 0
    posts: int = 0
    posts_new: int = 0


def brought_since(tx: Tx, *, since: datetime) -> dict[str, Brought]:
    """Sum up by client: answers of actor runs started since then, posts of client runs made since then."""
    client, started = actor_runs.c.client_id, actor_runs.c.start_requested_at
    answered = (
        select(client, func.count())
        .join(lead_outcomes, lead_outcomes.c.actor_run_id == actor_runs.c.id)
        .where(started >= since, lead_outcomes.c.outcome.in_(_ANSWERED))
        .group_by(client)
    )
    sums = [func.sum(client_runs.c.posts_harvested), func.sum(client_runs.c.posts_new)]
    found = (
        select(client_runs.c.client_id, *sums)
        .where(client_runs.c.created_at >= since)
        .group_by(client_runs.c.client_id)
    )
    answers = {row[0]: int(row[1]) for row in tx.execute(answered)}
    posts = {row[0]: (int(row[1]), int(row[2])) for row in tx.execute(found)}
    return {one: Brought(answers.get(one, 0), *posts.get(one, (0, 0))) for one in {*answers, *posts}}
