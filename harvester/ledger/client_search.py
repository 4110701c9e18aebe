"""Clients and leads as people look for them: by the beginning of a name, by status, a page at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import ColumnElement, func, or_, select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.leads import from_row
from harvester.ledger.tables import actor_runs, clients, lead_outcomes, leads
from harvester.models import Client, Lead, LeadStatus

#: What leads are called that were never looked at, and those that were given up.
NEW: Final = "New"
UNREACHABLE: Final = "Unreachable"
#: By what leads can be narrowed.
LEAD_STATES: Final = (NEW, *LeadStatus, UNREACHABLE)


def page(tx: Tx, *, begins: str, limit: int, after: str | None = None) -> list[Client]:
    """List clients by ID, from the one behind `after`: those of which the ID, or a word of the name, begins
    so, whatever the case.
    """
    statement = select(clients).where(_begins(begins)).order_by(clients.c.client_id).limit(limit)
    if after is not None:
        statement = statement.where(clients.c.client_id > after)
    return [rows.as_record(Client, row) for row in tx.execute(statement)]


def _begins(text: str) -> ColumnElement[bool]:
    """SQLite's `lower` knows ASCII alone: what was typed is compared as it is, too."""
    found = []
    for column in (clients.c.client_id, clients.c.name):
        for where, what in ((column, text), (func.lower(column), text.lower())):
            found.append(where.startswith(what, autoescape=True))
            found.append(where.contains(f" {what}", autoescape=True))
    return or_(*found)


def count_leads(tx: Tx, client_ids: Collection[str]) -> dict[str, dict[str, int]]:
    """Count the leads of several clients by status; those never looked at come under ''."""
    status = func.coalesce(leads.c.status, "")
    statement = select(leads.c.client_id, status, func.count()).where(leads.c.client_id.in_(client_ids))
    found: dict[str, dict[str, int]] = {client_id: {} for client_id in client_ids}
    for client_id, name, count in tx.execute(statement.group_by(leads.c.client_id, status)):
        found[client_id][name] = count
    return found


def count_unreachable(tx: Tx, client_id: str) -> int:
    """Count a client's leads that were given up."""
    given_up = select(func.count()).where(leads.c.client_id == client_id, leads.c.unreachable_at.is_not(None))
    return int(tx.execute(given_up).scalar_one())


def leads_page(tx: Tx, client_id: str, *, state: str | None, limit: int, after: int = 0) -> list[Lead]:
    """List a client's leads in the order they came, from the one behind `after`, or those in one state."""
    statement = select(leads).where(leads.c.client_id == client_id, leads.c.id > after)
    if state is not None:
        statement = statement.where(_in_state(state))
    return [from_row(row) for row in tx.execute(statement.order_by(leads.c.id).limit(limit))]


def _in_state(state: str) -> ColumnElement[bool]:
    if state == UNREACHABLE:
        return leads.c.unreachable_at.is_not(None)
    if state == NEW:
        return or_(leads.c.status.is_(None), leads.c.status == "")
    return leads.c.status == state


def outcomes(tx: Tx, lead_ids: Collection[int], *, limit: int) -> dict[int, list[dict[str, Any]]]:
    """Give what the latest actor runs found for each of these leads, newest first, so many of each."""
    table = lead_outcomes.c
    newest = func.row_number().over(partition_by=table.lead_id, order_by=table.actor_run_id.desc())
    told = (table.outcome, table.posts_found, table.detail, table.decided_at)
    ranked = (
        select(table.lead_id, actor_runs.c.client_run_id, *told, newest.label("place"))
        .join(actor_runs, actor_runs.c.id == table.actor_run_id)
        .where(table.lead_id.in_(lead_ids))
        .subquery()
    )
    statement = select(ranked).where(ranked.c.place <= limit).order_by(ranked.c.lead_id, ranked.c.place)
    found: dict[int, list[dict[str, Any]]] = {lead_id: [] for lead_id in lead_ids}
    for row in tx.execute(statement):
        found[row.lead_id].append(dict(row._mapping))
    return found
