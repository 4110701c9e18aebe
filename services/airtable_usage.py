"""What Airtable was asked this month, which bases are left alone for now, and what it is owed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from harvester.ledger import airtable_meter, airtable_slots, clients, outbox_counts
from harvester.ledger.database import Tx

_PAGE: Final = 500
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class BaseUsage:
    """One base: calls of this month, and how many were answered 429; until when it is left alone, and why."""

    base: str
    client_ids: tuple[str, ...]
    calls: int
    refused: int
    blocked_until: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Pile:
    """Records of one base and kind that stand alike: waiting, sent, parked, missing or retired."""

    base: str
    kind: str
    stand: str
    records: int


@dataclass(frozen=True, slots=True)
class Wrong:
    """A record that Airtable does not show as it should, and why: parked or missing."""

    base: str
    kind: str
    key: str
    state: str
    error: str | None


@dataclass(frozen=True, slots=True)
class Usage:
    """All of it. `calls` are those of all bases in `month`: a workspace has so many."""

    month: str
    calls: int
    bases: tuple[BaseUsage, ...]
    piles: tuple[Pile, ...]
    #: The newest of them.
    wrong: tuple[Wrong, ...]


def usage(tx: Tx, *, now: datetime) -> Usage:
    """Say what the ledger knows of it. Asks Airtable nothing."""
    month = airtable_meter.month_of(now)
    calls = airtable_meter.calls(tx, month)
    blocks = {slot.base: slot for slot in airtable_slots.blocked(tx, now=now)}
    owners = _owners(tx)
    bases = []
    for base in sorted(calls.keys() | blocks.keys()):
        count, slot = calls.get(base, airtable_meter.Count(0, 0)), blocks.get(base)
        bases.append(
            BaseUsage(
                base,
                owners.get(base, ()),
                count.calls,
                count.refused,
                slot.blocked_until if slot else None,
                slot.reason if slot else None,
            )
        )
    piles = tuple(Pile(*found) for found in outbox_counts.counts(tx))
    wrong = tuple(
        Wrong(row.base, row.kind, row.key, row.state, row.error)
        for row in outbox_counts.wrong(tx, limit=_SHOWN)
    )
    return Usage(month, sum(count.calls for count in calls.values()), tuple(bases), piles, wrong)


def _owners(tx: Tx) -> dict[str, tuple[str, ...]]:
    """Give the clients of each base."""
    found: dict[str, list[str]] = defaultdict(list)
    after: str | None = None
    while page := clients.page(tx, limit=_PAGE, after=after):
        for client in page:
            if client.airtable_base:
                found[client.airtable_base].append(client.client_id)
        after = page[-1].client_id
    return {base: tuple(ids) for base, ids in found.items()}
