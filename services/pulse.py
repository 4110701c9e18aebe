"""Pulse: each worker says every so often that it is alive, and whether it can queue wake-ups.

Written into the ledger, since that is all that the processes share. It is one row for all workers: what
matters is that one of them works.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester.ledger import Ledger, Tx, at_work, locks

#: How often a worker says so. Each time is one small commit.
EVERY: Final = timedelta(seconds=15)
#: After so long without a word no worker is at work: four were missed.
SILENT: Final = 4 * EVERY
_LOCK: Final = "worker"
_NO_QUEUE: Final = "no queue"


@dataclass(frozen=True, slots=True)
class Beat:
    """When a worker last said that it is alive, and whether it could queue wake-ups then."""

    at: datetime
    queue_works: bool


class Pulse:
    """What a worker calls at each tick."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._said_at = -math.inf

    def __call__(self, queue_works: bool) -> None:
        """Say that this worker is alive, unless it has just said so. Raises `LedgerUnavailable`."""
        if time.monotonic() - self._said_at < EVERY.total_seconds():
            return
        with self._ledger.write() as tx:
            reason = "" if queue_works else _NO_QUEUE
            locks.extend(tx, _LOCK, until=self._clock(), times=0, reason=reason)
        self._said_at = time.monotonic()


def last(tx: Tx) -> Beat | None:
    """Give the last word of any worker; None if none ever ran on this ledger."""
    found = locks.get(tx, _LOCK)
    return Beat(found.until, found.reason != _NO_QUEUE) if found is not None else None


def needed(tx: Tx, now: datetime) -> str | None:
    """Say what is wrong with the workers where that matters: one has run here, or something waits for it."""
    beat = last(tx)
    told = trouble(beat, now)
    return told if told and (beat is not None or at_work.count_live(tx)) else None


def trouble(beat: Beat | None, now: datetime) -> str | None:
    """Say in words what is wrong with the workers; None if one is at work."""
    if beat is None:
        return "no worker has ever run on this ledger"
    silent = now - beat.at
    if silent < SILENT:
        return None
    return f"no worker has said anything for {int(silent.total_seconds())} s"
