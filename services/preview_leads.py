"""Which leads a kickoff would take now, in which order, and why each. Nothing is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from harvester.ledger import Ledger, Tx, leads
from harvester.models import Client, LeadStatus
from services.kickoff import profiles_of
from services.lead_choice import Reading, usable
from services.lead_rows import without_doubles
from services.plan import Limits

#: No client run has this ID: it has had nobody yet.
_NEW_RUN: Final = ""


class Why(StrEnum):
    """Why a lead is harvested."""

    NEW = "new"
    PENDING = "pending again"
    STUCK = "stuck in Processing"
    CHOSEN = "asked for"


@dataclass(frozen=True, slots=True)
class DueLead:
    """A lead that would be harvested. `unanswered`: so many actor runs in a row had no word about it."""

    profile_url: str
    name: str | None
    why: Why
    unanswered: int = 0


class ReadLeads(Protocol):
    """Reads due leads of a client's base."""

    def __call__(
        self,
        base: str,
        client_id: str,
        client_run_id: str,
        *,
        enough: int,
        usable: Callable[[Reading], set[str]],
    ) -> Reading:
        """Read until `enough` of them can be planned. Raises `AirtableError` and `Unfit`."""


def of_ledger(
    tx: Tx, client: Client, limits: Limits, *, most: int, full_id: str | None, now: datetime
) -> list[DueLead]:
    """Give the leads that are due as far as the ledger knows, in the order in which they are planned."""
    found = leads.due(
        tx,
        client.client_id,
        now=now,
        stale_after=limits.stale_lead,
        limit=most,
        not_in=full_id or _NEW_RUN,
        lock=False,
    )
    return [DueLead(lead.profile_url, lead.name, _why(lead.status), lead.unanswered) for lead in found]


def chosen(tx: Tx, client_id: str, urls: Sequence[str]) -> list[DueLead]:
    """Give the leads that are asked for by their URLs, in the order in which they are planned.

    Those that are not known yet come behind those that are; one that an open actor run has is left out.
    """
    given = profiles_of(urls)
    known = leads.by_urls(tx, client_id, given)
    busy = leads.in_open_batches(tx, client_id)
    found = [
        DueLead(lead.profile_url, lead.name, Why.CHOSEN, lead.unanswered)
        for lead in known
        if lead.id not in busy
    ]
    there = {lead.profile_url for lead in known}
    return found + [DueLead(url, None, Why.CHOSEN) for url in given if url not in there]


def of_airtable(
    ledger: Ledger,
    read: ReadLeads,
    client: Client,
    limits: Limits,
    *,
    most: int,
    full_id: str | None,
    now: datetime,
) -> list[DueLead]:
    """Read the leads that are due in a client's base, as intake does. Raises `AirtableError`, `Unfit`."""
    base = client.airtable_base
    if base is None or most < 1:
        return []

    def usable_of(page: Reading) -> set[str]:
        with ledger.read() as tx:
            return usable(tx, page, now=now, stale_after=limits.stale_lead)

    reading = read(base, client.client_id, full_id or _NEW_RUN, enough=most, usable=usable_of)
    wanted = usable_of(reading)
    rows = without_doubles(row for row in reading.rows if row.profile_url in wanted)
    return [DueLead(row.profile_url, row.name, _why(row.status)) for row in rows.values()]


def _why(status: LeadStatus | None) -> Why:
    if status is LeadStatus.PENDING:
        return Why.PENDING
    return Why.STUCK if status is LeadStatus.PROCESSING else Why.NEW
