"""Which of the leads that Airtable shows as due are due, and what the ledger takes over of them.

A row there may be older than what the ledger has decided since, and was not told of. So Airtable's word
counts where a row shows something else than it was last known to show: that, a person has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from harvester.ledger import Tx, lead_records, leads, outbox
from harvester.ledger.lead_records import Shown
from harvester.ledger.mirroring import Kind
from harvester.models import Lead, LeadStatus
from services.lead_rows import LeadRow, without_doubles


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows of a client's base in their order, for one client run, none read before `read_at`."""

    base: str
    client_id: str
    client_run_id: str
    rows: Sequence[LeadRow]
    read_at: datetime


def usable(tx: Tx, reading: Reading, *, now: datetime, stale_after: timedelta) -> set[str]:
    """Name the leads of a reading that could be planned, by their URLs."""
    urls = {row.profile_url for row in reading.rows}
    known = lead_records.by_url(tx, reading.client_id, urls)
    due = _due(tx, reading, known, _shown(tx, reading), now=now, stale_after=stale_after)
    return (urls - known.keys()) | set(due)


def take_in(tx: Tx, reading: Reading, *, now: datetime, stale_after: timedelta) -> list[Lead]:
    """Take over what the ledger has not, and give the leads that are due, in the order of their rows.

    A lead that another transaction is changing just now is not among them.
    """
    _add(tx, reading, now)
    urls = {row.profile_url for row in reading.rows}
    known = lead_records.by_url(tx, reading.client_id, urls, lock=True)
    shown = _shown(tx, reading)
    due = _due(tx, reading, known, shown, now=now, stale_after=stale_after)
    _adopt(tx, reading, known, shown)
    _map(tx, reading, known, shown, now)
    return [known[url] for url in due]


def _shown(tx: Tx, reading: Reading) -> Shown:
    records = [row.record_id for row in reading.rows]
    return lead_records.shown(tx, reading.base, records, read_at=reading.read_at)


def _due(
    tx: Tx,
    reading: Reading,
    known: Mapping[str, Lead],
    shown: Shown,
    *,
    now: datetime,
    stale_after: timedelta,
) -> list[str]:
    taken = leads.taken(tx, reading.client_id, reading.client_run_id)
    free = {lead.id for lead in known.values()} - taken
    by_ledger = lead_records.due_among(tx, free, now=now, stale_after=stale_after)
    return list(
        dict.fromkeys(
            row.profile_url
            for row in reading.rows
            if (lead := known.get(row.profile_url)) is not None
            and lead.id in free
            and (lead.id in by_ledger or _counts(shown, row, lead))
        )
    )


def _counts(shown: Shown, row: LeadRow, lead: Lead) -> bool:
    """Say whether a row's word about its lead counts: somebody has changed what it was known to show.

    What it shows as before, and the ledger has decided otherwise since, Airtable was not told of: because it
    was off, or had no field for it, or refused it.
    """
    before = shown.shows.get(row.record_id)
    settled = row.record_id in shown.settled and shown.lead_of[row.record_id] == lead.id
    return settled and before is not None and _status(row) != before


def _status(row: LeadRow) -> str:
    return row.status.value if row.status else ""


def _add(tx: Tx, reading: Reading, now: datetime) -> None:
    firsts = without_doubles(reading.rows)
    known = lead_records.by_url(tx, reading.client_id, firsts)
    new: list[dict[str, Any]] = [
        {
            "profile_url": row.profile_url,
            "given_url": row.given_url,
            "name": row.name,
            "extra": {},
            "status": row.status,
            "last_check_at": row.last_check_at,
            "created_at": row.created_at or now,
        }
        for url, row in sorted(firsts.items())
        if url not in known
    ]
    leads.add(tx, reading.client_id, new)


def _adopt(tx: Tx, reading: Reading, known: Mapping[str, Lead], shown: Shown) -> None:
    """Set leads to what a person has made of them. Their rows show that already, whatever they were sent."""
    changed = {
        row.record_id: lead
        for row in reading.rows
        if (lead := known.get(row.profile_url)) is not None
        and _counts(shown, row, lead)
        and row.status != lead.status
    }
    for row in without_doubles(row for row in reading.rows if row.record_id in changed).values():
        checked = row.last_check_at if row.status is LeadStatus.PROCESSING else None
        lead = changed[row.record_id]
        lead_records.adopt(tx, lead.id, status=row.status, last_check_at=checked or lead.last_check_at)
    shows = {row.record_id: _status(row) for row in reading.rows if row.record_id in changed}
    lead_records.show_anew(tx, reading.base, reading.client_id, _ids(changed), shows=shows)


def _map(tx: Tx, reading: Reading, known: Mapping[str, Lead], shown: Shown, now: datetime) -> None:
    """Remember which rows show which leads, and what.

    One that shows another state than its lead's is owed it, unless it is on its way; and so is one that
    showed another lead before: what that one is owed may be on its way there.
    """
    rows = {row.record_id: (row, lead) for row in reading.rows if (lead := known.get(row.profile_url))}
    fresh = {key for key, (_, lead) in rows.items() if shown.lead_of.get(key) != lead.id}
    settled = {key for key in rows.keys() - fresh if key in shown.settled}
    shows = {key: _status(row) for key, (row, _) in rows.items()}
    again = fresh | (settled & shown.dead)
    ids = {key: rows[key][1].id for key in again}
    outbox.map_leads(tx, reading.base, reading.client_id, ids, now=now, shows=shows)
    lead_records.show_anew(tx, reading.base, reading.client_id, ids, shows=shows)
    lead_records.learn(tx, reading.base, {key: shows[key] for key in settled - again})
    behind = {key for key in fresh | settled if _is_behind(shown, *rows[key])}
    tx.owe(Kind.LEAD, *(rows[key][1].id for key in behind | (fresh & shown.lead_of.keys())))


def _is_behind(shown: Shown, row: LeadRow, lead: Lead) -> bool:
    """Say whether a row shows something else than what its lead is, and not because a person wants that."""
    return lead.status is not None and row.status != lead.status and not _counts(shown, row, lead)


def _ids(shown: Mapping[str, Lead]) -> dict[str, int]:
    return {record_id: lead.id for record_id, lead in shown.items()}
