"""Sending Airtable what it is owed, from the process of somebody who waits. Workers may do the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from harvester.ledger import outbox_counts
from harvester.side_work import SideWork
from services.airtable_side import AirtableSide

_LOOK_EVERY: Final = 0.25
#: How long what is at hand may take to end, in seconds.
_TO_END: Final = 10.0


def sync(
    side: AirtableSide, *, seconds: float, threads: int, told: Callable[[int, int], None]
) -> dict[str, int]:
    """Send until nothing waits, or for so many `seconds`. Gives the counts of rows not in step, by state.

    `told` is called with how many rows were sent, and with how many there were to send. Raises
    `LedgerUnavailable`.
    """
    work = SideWork(side.owing, side.do, threads=threads, stopping=side.stopping)
    until = time.monotonic() + seconds
    most = 0
    try:
        while True:
            counts = _counts(side)
            most = max(most, counts["waiting"])
            told(most - counts["waiting"], most)
            if not counts["waiting"] or time.monotonic() >= until:
                return counts
            work.look()
            time.sleep(_LOOK_EVERY)
    finally:
        work.stop(_TO_END)


def _counts(side: AirtableSide) -> dict[str, int]:
    with side.ledger.read() as tx:
        return {str(state): count for state, count in outbox_counts.standing(tx).items()}
