"""What was there before this ledger: rows that are taken over as they are, once. Airtable shows them already,
so it is owed nothing by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import exists, select, update

from harvester.ledger import actor_runs, rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.outbox import parts
from harvester.ledger.tables import actor_runs as actor_runs_table
from harvester.ledger.tables import client_runs, lead_outcomes, leads, posts
from harvester.models import ActorRun, ActorRunState, ClientRunStatus, LeadStatus

#: How the marker and the client run ID of what stands for earlier harvests begin. Neither is anybody's else.
ADOPTED: Final = "adopted "
#: Which state wins where several rows show one lead: what would be harvested twice else.
RANK: Final[Mapping[LeadStatus | None, int]] = {
    None: 0,
    LeadStatus.PENDING: 1,
    LeadStatus.PROCESSING: 2,
    LeadStatus.NO_POSTS: 3,
    LeadStatus.DONE: 4,
}


@dataclass(frozen=True, slots=True)
class LeadState:
    """A lead with what an earlier harvest made of it."""

    profile_url: str
    given_url: str
    name: str | None
    created_at: datetime
    status: LeadStatus | None
    client_run_id: str | None
    last_check_at: datetime | None
    posts_found: int | None
    posts_actioned: str | None
    posts_scored_at: datetime | None


def lead(tx: Tx, client_id: str, state: LeadState) -> int:
    """Take a lead over, and give its ID.

    One that this ledger has harvested itself stays as it is, and one that is known to be further, too.
    """
    rows.insert_unless_there(
        tx,
        leads,
        client_id=client_id,
        profile_url=state.profile_url,
        given_url=state.given_url,
        name=state.name,
        extra={},
        created_at=state.created_at,
    )
    found = tx.execute(
        select(leads).where(leads.c.client_id == client_id, leads.c.profile_url == state.profile_url)
    ).one()
    if not _is_news(tx, found, state):
        return int(found.id)
    values: dict[str, Any] = {
        "status": state.status,
        "client_run_id": state.client_run_id,
        "last_check_at": state.last_check_at,
        "posts_found_last_run": state.posts_found,
        "posts_actioned": state.posts_actioned,
        "posts_scored_at": state.posts_scored_at,
    }
    tx.execute(update(leads).where(leads.c.id == found.id).values(**values))
    return int(found.id)


def leads_that_are_news(tx: Tx, client_id: str, states: Collection[LeadState]) -> int:
    """Count those that `lead` would change or make."""
    by_url = {state.profile_url: state for state in states}
    known: dict[str, Any] = {}
    for part in parts(sorted(by_url)):
        statement = select(leads).where(leads.c.client_id == client_id, leads.c.profile_url.in_(part))
        known.update({row.profile_url: row for row in tx.execute(statement)})
    return sum(url not in known or _is_news(tx, known[url], state) for url, state in by_url.items())


def _is_news(tx: Tx, found: Any, state: LeadState) -> bool:
    known = LeadStatus(found.status) if found.status else None
    ours = exists().where(lead_outcomes.c.lead_id == found.id)
    return RANK[state.status] > RANK[known] and not tx.execute(select(ours)).scalar_one()


def job(
    tx: Tx, run_id: str, *, status: ClientRunStatus, started_at: datetime, finished_at: datetime | None
) -> bool:
    """Take a job run over. False if there is one of this ID."""
    return rows.insert_unless_there(
        tx,
        job_runs,
        run_id=run_id,
        source="manual",
        status=status,
        started_at=started_at,
        finished_at=finished_at,
    )


def known_jobs(tx: Tx, run_ids: Collection[str]) -> set[str]:
    """Say which of these job runs there are."""
    return _known(tx, job_runs.c.run_id, run_ids)


def known_client_runs(tx: Tx, client_run_ids: Collection[str]) -> set[str]:
    """Say which of these client runs there are."""
    return _known(tx, client_runs.c.client_run_id, client_run_ids)


def known_posts(tx: Tx, client_id: str, keys: Collection[str]) -> dict[str, int]:
    """Give the IDs of those of these posts that the client has, by key."""
    found: dict[str, int] = {}
    for part in parts(sorted(keys)):
        these = (posts.c.client_id == client_id, posts.c.post_key.in_(part))
        found.update(
            {row.post_key: row.id for row in tx.execute(select(posts.c.post_key, posts.c.id).where(*these))}
        )
    return found


def _known(tx: Tx, column: Any, values: Collection[str]) -> set[str]:
    found: set[str] = set()
    for part in parts(sorted(values)):
        found.update(tx.execute(select(column).where(column.in_(part))).scalars())
    return found


def client_run_rows(tx: Tx, client_run_ids: Collection[str]) -> Mapping[str, int]:
    """Give the row IDs of client runs by their client run IDs."""
    found: dict[str, int] = {}
    for part in parts(sorted(client_run_ids)):
        statement = select(client_runs.c.client_run_id, client_runs.c.id)
        found.update(
            {
                row.client_run_id: row.id
                for row in tx.execute(statement.where(client_runs.c.client_run_id.in_(part)))
            }
        )
    return found


def earlier_harvests(tx: Tx, client_id: str, *, made_at: datetime) -> ActorRun:
    """Give the row that stands for all harvests of a client before this ledger; adopted posts are its.

    It is over, was never at Apify, and cost nothing here. `made_at` lies before the client's day: it counts
    as no batch of that.
    """
    marker = f"{ADOPTED}{client_id}"
    rows.insert_unless_there(
        tx,
        actor_runs_table,
        marker=marker,
        client_run_id=marker,
        client_id=client_id,
        batch=1,
        state=ActorRunState.INGESTED,
        actor_id="before this ledger",
        max_posts=0,
        profiles=0,
        created_at=made_at,
    )
    found = actor_runs.by_marker(tx, marker)
    assert found is not None, "it was made a moment ago"
    return found
