"""Pacing: when Airtable may be asked next, for all processes together.

Each base has a pace of its own, and all of them share the token's. Whoever has to wait for its base takes no
moment of the token's meanwhile; and nobody waits within a transaction.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester.airtable_errors import Blocked
from harvester.ledger import Ledger, Tx, airtable_meter, airtable_slots
from services.airtable_blocks import Blocks, Waits

#: A moment is taken shortly before it comes, or writing that down would make each request late.
_BEFOREHAND: Final = timedelta(seconds=0.03)
#: A process that was held up for longer than this, or half a gap, comes too near the next one.
_LATE: Final = timedelta(seconds=0.05)
#: It takes another moment, but goes with this one all the same.
_MISSED: Final = 3


@dataclass(frozen=True, slots=True)
class Gaps:
    """The time between two requests to one base, and between two with one token."""

    base: timedelta = timedelta(seconds=0.2222)
    token: timedelta = timedelta(seconds=0.0222)


class Pacing:
    """The gate that every request to Airtable passes, for any number of threads. `stop` ends all waiting."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], datetime],
        gaps: Gaps,
        waits: Waits,
        *,
        stop: threading.Event,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._gaps = gaps
        self._blocks = Blocks(ledger, clock, waits)
        self._stop = stop
        self._beforehand = min(_BEFOREHAND, gaps.base / 4)
        self._late = max(_LATE, gaps.base / 2)
        self._queues: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        #: When each base is free next, as far as this process knows.
        self._free: dict[str, datetime] = {}

    def turn(self, base: str, *, meta: bool = False) -> datetime:
        """Wait for the next moment that is free for this base and for the token; count the call; give it.

        Raises `Blocked` while the base is left alone, or when told to stop, and `LedgerUnavailable`. `meta`:
        the call is about a schema, which Airtable answers even when the month's calls are used up.
        """
        with self._queues[base]:  # one thread of each process at a time asks the ledger for this base
            clock = _Running(self._clock)
            for missed in range(_MISSED):
                moment = self._moment(base, clock, meta=meta, again=missed > 0)
                self._wait(moment, clock)
                if clock() - moment < self._late:
                    break
            return moment

    def worked(self, base: str, *, meta: bool = False) -> None:
        """Airtable has answered, be it with a no."""
        self._blocks.worked(base, meta=meta)

    def failed(self, base: str, told: str) -> None:
        """Airtable could not be asked, or answered nothing that makes sense."""
        self._blocks.failed(base, told)

    def too_fast(self, base: str) -> None:
        """Airtable has answered 429."""
        self._blocks.too_fast(base)

    def capped(self, base: str, told: str) -> None:
        """Airtable has answered that the month's calls are used up."""
        self._blocks.capped(base, told)

    def _moment(self, base: str, clock: _Running, *, meta: bool, again: bool) -> datetime:
        """Wait until the base's moment has nearly come, and take it, unless another process was quicker."""
        moment: datetime | None = None
        while moment is None:
            # Not for longer than a gap: what was known of a moment may be of a clock that was put back.
            free = min(self._free.get(base, clock()), clock() + self._gaps.base)
            self._wait(free - self._beforehand, clock)
            with self._ledger.write() as tx:
                moment = self._take(tx, base, clock(), meta=meta)
                if moment is not None and not again:
                    airtable_meter.count(tx, base, now=moment)
        self._free[base] = moment + self._gaps.base
        return moment

    def _take(self, tx: Tx, base: str, now: datetime, *, meta: bool) -> datetime | None:
        slot = airtable_slots.made(tx, base, now=now)
        self._blocks.require_open(slot, now, meta=meta)
        self._free[base] = airtable_slots.free_at(slot, now=now, gap=self._gaps.base)
        if self._free[base] - self._beforehand > now:
            return None
        self._blocks.begun(tx, slot, now, meta=meta)
        gaps = self._gaps
        return airtable_slots.take(tx, slot, now=now, base_gap=gaps.base, token_gap=gaps.token)

    def _wait(self, moment: datetime, clock: _Running) -> None:
        if self._stop.wait(max((moment - clock()).total_seconds(), 0.0)):
            raise Blocked("no call to Airtable is begun: the process is told to end", clock())
        clock.at_least(moment)


class _Running:
    """Goes on by what was waited at least: a clock that is put back, or stands still, holds up no turn."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._least = clock()

    def __call__(self) -> datetime:
        return max(self._clock(), self._least)

    def at_least(self, moment: datetime) -> None:
        self._least = max(self._least, moment)
