"""Leads as Airtable's rows show them: which of them are due there, and whose word counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import null, select, update

from harvester.ledger import outbox
from harvester.ledger.airtable_tables import outbox as outbox_table
from harvester.ledger.database import Tx
from harvester.ledger.leads import from_row, is_due
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import leads
from harvester.models import Lead, LeadStatus


@dataclass(frozen=True, slots=True)
class Shown:
    """Which records of a base show which leads, and the status that each was last known to show.

    `settled` are owed nothing that is on its way, and were sent nothing since they were read; `dead` were not
    written to any more, parked ones among them.
    """

    lead_of: Mapping[str, int]
    shows: Mapping[str, str | None]
    settled: frozenset[str]
    dead: frozenset[str]


def by_url(tx: Tx, client_id: str, profile_urls: Collection[str], *, lock: bool = False) -> dict[str, Lead]:
    """Give the client's leads with these canonical profile URLs, by URL.

    With `lock`, nobody else may change them until the end of `tx`; those that somebody holds are left out.
    """
    found: dict[str, Lead] = {}
    for part in outbox.parts(sorted(profile_urls)):
        statement = select(leads).where(leads.c.client_id == client_id, leads.c.profile_url.in_(part))
        if lock and not tx.on_sqlite:
            statement = statement.order_by(leads.c.id).with_for_update(skip_locked=True)
        found.update({row.profile_url: from_row(row) for row in tx.execute(statement)})
    return found


def due_among(tx: Tx, lead_ids: Collection[int], *, now: datetime, stale_after: timedelta) -> set[int]:
    """Name those of these leads that are due as far as the ledger knows."""
    found: set[int] = set()
    for part in outbox.parts(sorted(lead_ids)):
        statement = select(leads.c.id).where(leads.c.id.in_(part), is_due(now, stale_after))
        found.update(tx.execute(statement).scalars())
    return found


def shown(tx: Tx, base: str, record_ids: Collection[str], *, read_at: datetime) -> Shown:
    """Say what is known of these records, which were read no earlier than at `read_at`."""
    table = outbox_table.c
    found: dict[str, Any] = {}
    for part in outbox.parts(sorted(record_ids)):
        these = (table.base == base, table.kind == Kind.LEAD, table.key.in_(part))
        found.update({row.key: row for row in tx.execute(select(outbox_table).where(*these))})
    settled = {
        key
        for key, row in found.items()
        if row.due_at is None and (row.sent_at is None or row.sent_at < read_at)
    }
    return Shown(
        lead_of={key: row.subject_id for key, row in found.items()},
        shows={key: row.shows for key, row in found.items()},
        settled=frozenset(settled),
        dead=frozenset(key for key, row in found.items() if row.state != outbox.State.OK),
    )


def adopt(tx: Tx, lead_id: int, *, status: LeadStatus | None, last_check_at: datetime | None) -> None:
    """Set a lead to what a person has made of it in Airtable. One that was unreachable is tried anew."""
    values = {"status": status, "last_check_at": last_check_at, "posts_actioned": None}
    anew = update(leads).where(leads.c.id == lead_id).values(unanswered=0, unreachable_at=None)
    tx.execute(anew.values(**values, posts_scored_at=None))


def show_anew(
    tx: Tx, base: str, client_id: str, records: Mapping[str, int], *, shows: Mapping[str, str]
) -> None:
    """Have records show these leads from now on, whatever they showed: what they were sent counts no more.

    `shows` is the status that each was read with.
    """
    for row in _locked(tx, base, records):
        values = {"subject_id": records[row.key], "client_id": client_id, "state": outbox.State.OK}
        changed = update(outbox_table).where(outbox_table.c.id == row.id)
        tx.execute(changed.values(**values, error=None, sent=null(), shows=shows[row.key]))


def learn(tx: Tx, base: str, shows: Mapping[str, str]) -> None:
    """Remember the status that records were read with."""
    for row in _locked(tx, base, shows):
        if row.shows != shows[row.key]:
            changed = update(outbox_table).where(outbox_table.c.id == row.id)
            tx.execute(changed.values(shows=shows[row.key]))


def _locked(tx: Tx, base: str, record_ids: Collection[str]) -> list[Any]:
    """Give the rows of records, for this transaction alone to change."""
    table = outbox_table.c
    found: list[Any] = []
    for part in outbox.parts(sorted(record_ids)):
        these = (table.base == base, table.kind == Kind.LEAD, table.key.in_(part))
        statement = select(table.id, table.key, table.shows).where(*these).order_by(table.id)
        found += tx.execute(statement if tx.on_sqlite else statement.with_for_update()).all()
    return found
