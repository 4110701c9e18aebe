"""What Airtable shows, read for many rows at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select

from harvester.jobs import JobRun
from harvester.ledger.client_runs import from_row as client_run
from harvester.ledger.database import Tx
from harvester.ledger.job_runs import from_row as job_run
from harvester.ledger.job_tables import job_runs
from harvester.ledger.leads import from_row as lead
from harvester.ledger.outbox import lead_records
from harvester.ledger.posts import SHOWN
from harvester.ledger.tables import client_runs, lead_outcomes, leads, posts, sightings
from harvester.models import ClientRun, Lead


def client_runs_by_id(tx: Tx, ids: Collection[str]) -> dict[str, ClientRun]:
    """Give client run records by their client run ID."""
    statement = select(client_runs).where(client_runs.c.client_run_id.in_(ids))
    return {row.client_run_id: client_run(row) for row in tx.execute(statement)}


def job_runs_by_id(tx: Tx, ids: Collection[str]) -> dict[str, JobRun]:
    """Give job tracking records by their base run ID."""
    statement = select(job_runs).where(job_runs.c.run_id.in_(ids))
    return {row.run_id: job_run(row) for row in tx.execute(statement)}


def leads_by_id(tx: Tx, ids: Collection[int]) -> dict[int, Lead]:
    """Give leads by their ID."""
    return {row.id: lead(row) for row in tx.execute(select(leads).where(leads.c.id.in_(ids)))}


def target_urls(tx: Tx, actor_run_ids: Collection[int]) -> dict[int, list[str]]:
    """Give the profile URLs that each actor run was sent."""
    found: dict[int, list[str]] = {}
    columns = (lead_outcomes.c.actor_run_id, lead_outcomes.c.target_url)
    statement = select(*columns).where(lead_outcomes.c.actor_run_id.in_(actor_run_ids))
    for row_id, url in tx.execute(statement.order_by(lead_outcomes.c.lead_id)):
        found.setdefault(row_id, []).append(url)
    return found


def posts_by_id(tx: Tx, ids: Collection[int]) -> dict[int, Mapping[str, Any]]:
    """Give posts by ID: what people ask of them, and `leads`: pairs of lead ID and profile URL."""
    found = {row.id: dict(row._mapping) for row in tx.execute(select(*SHOWN).where(posts.c.id.in_(ids)))}
    under = (
        select(sightings.c.post_id, leads.c.id, leads.c.profile_url)
        .join(leads, leads.c.id == sightings.c.lead_id)
        .where(sightings.c.post_id.in_(found))
        .distinct()
        .order_by(sightings.c.post_id, leads.c.id)
    )
    for post_id, lead_id, url in tx.execute(under):
        found[post_id].setdefault("leads", []).append((lead_id, url))
    return dict(found)


def records_of_posts(tx: Tx, base: str, shown: Mapping[int, Mapping[str, Any]]) -> dict[int, list[str]]:
    """Give, for each of these posts, a base's records of the leads that it was seen under."""
    lead_ids = {lead_id for post in shown.values() for lead_id, _ in post.get("leads", [])}
    records = lead_records(tx, base, lead_ids)
    return {
        post_id: [record for lead_id, _ in post.get("leads", []) for record in records.get(lead_id, [])]
        for post_id, post in shown.items()
    }
