"""Prune: let go of old deliveries, raw items and stories, a little at a time. Never of posts or records."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester.errors import InvalidInput
from harvester.ledger import Ledger, pruning
from harvester.ledger.pruning import Found, Kind

DEFAULT_DAYS: Final = 90
#: Apify repeats a dispatch for a day and a half, and a person may do so later: one that is forgotten would be
#: taken for new.
LEAST_DAYS: Final = 14

#: Rows of one transaction: others wait for it no longer than some milliseconds.
AT_ONCE: Final = 1_000
#: Between two transactions, so that whoever waits for SQLite's file gets it: they look every 10 ms.
_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True)
class Freed:
    """What one transaction let go: rows, and bytes of content."""

    kind: Kind
    rows: int
    bytes: int


def cutoff(days: int, now: datetime) -> datetime:
    """Give the time before which things are old. Raises `InvalidInput` for fewer than `LEAST_DAYS`."""
    if days < LEAST_DAYS:
        raise InvalidInput(f"nothing younger than {LEAST_DAYS} days is pruned: dispatches may be repeated")
    return now - timedelta(days=days)


def survey(ledger: Ledger, *, before: datetime) -> dict[Kind, Found]:
    """Measure what `prune` would let go. Changes nothing."""
    with ledger.read(patient=True) as tx:
        return {kind: pruning.survey(tx, kind, before=before) for kind in Kind}


def prune(ledger: Ledger, *, before: datetime, at_once: int = AT_ONCE) -> Iterator[Freed]:
    """Let go of what is older than `before`, `at_once` rows a transaction, and tell after each what went.

    It may end between any two, and be run again. Raises `LedgerUnavailable`.
    """
    for kind in Kind:
        after: pruning.Key | None = None
        while True:
            with ledger.read(patient=True) as tx:
                named = pruning.keys(tx, kind, before=before, after=after, limit=at_once)
            if not named:
                break
            with ledger.write() as tx:
                rows, size = pruning.let_go(tx, kind, named, before=before)
            yield Freed(kind, rows, size)
            after = named[-1]
            time.sleep(_PAUSE_SECONDS)
