"""The tick: every row that is due is found here, whoever forgot it. Wake-ups need no other source."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from harvester import log
from harvester.errors import LedgerUnavailable
from harvester.ledger import Blocked, Ledger, TookTooLong, Tx, due_actor_runs, locks
from services.account import most_in_flight
from services.budgets import MONTH_RESERVED
from services.outages import Gate, Outages
from services.settle import Settle
from services.start import STARTS_BARRED

#: Rows that one tick names at most; the next one names the rest.
_AT_ONCE: Final = 500
#: And while Apify cannot be asked: none, or the one that tries whether it can again.
_WAKE_UPS: Final = {Gate.OPEN: _AT_ONCE, Gate.TO_TRY: 1, Gate.SHUT: 0}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

_log = log.get_logger(__name__)


class Tick:
    """Looks for due rows. A look that finds nothing takes no write lock and costs a few indexed queries."""

    def __init__(
        self,
        ledger: Ledger,
        settle: Settle,
        outages: Outages,
        *,
        max_in_flight: int,
        queued: timedelta,
        ends_seconds: float,
        clock: Callable[[], datetime],
    ) -> None:
        """Build it. Ends of client runs are looked for every `ends_seconds`: most are settled before."""
        self._ends_seconds = ends_seconds
        self._ends_looked_at = -math.inf
        self._ledger = ledger
        self._settle = settle
        self._outages = outages
        self._max_in_flight = max_in_flight
        self._queued = queued
        self._clock = clock
        self._broken: dict[str, datetime] = {}

    def __call__(self, wake: Callable[[int], object]) -> None:
        """Hand each due actor run to `wake` once, and settle client runs that have nothing open."""
        with self._ledger.read() as tx:
            now = self._clock()
            limit = _WAKE_UPS[self._outages.gate(tx)]
            due = due_actor_runs.going_on(tx, now=now, limit=limit)
            due += self._to_start(tx, now, limit - len(due))
            done = self._ends(tx)
        for row_id in self._queued_of(due, now):
            wake(row_id)
        for full_id in done:
            if self._clock() >= self._broken.get(full_id, _LONG_AGO):
                self._settled(full_id)

    def _ends(self, tx: Tx) -> list[str]:
        if time.monotonic() - self._ends_looked_at < self._ends_seconds:
            return []
        self._ends_looked_at = time.monotonic()
        return self._settle.due(tx, _AT_ONCE)

    def _to_start(self, tx: Tx, now: datetime, limit: int) -> list[int]:
        if limit < 1 or not due_actor_runs.any_planned(tx):
            return []
        barred = [locks.get(tx, name) for name in (STARTS_BARRED, MONTH_RESERVED)]
        starts = min(limit, *(_starts(lock, now) for lock in barred))
        most = most_in_flight(tx, self._max_in_flight)
        return due_actor_runs.to_start(tx, now=now, max_in_flight=most, limit=starts) if starts else []

    def _settled(self, full_id: str) -> None:
        """Settle one client run. If that fails, the others must not wait for it, nor the log fill with it."""
        try:
            with log.bound(clientRunId=full_id):
                self._settle(full_id)
            self._broken.pop(full_id, None)
        except (Blocked, TookTooLong) as error:  # over this one record
            told = "Client run %s could not be settled, and is tried again later: %s"
            _log.warning(told, full_id, error, clientRunId=full_id)
            self._broken[full_id] = self._clock() + self._queued
        except LedgerUnavailable:
            raise
        except Exception:
            told = "Client run %s could not be settled, and is tried again later"
            _log.exception(told, full_id, clientRunId=full_id)
            self._broken[full_id] = self._clock() + self._queued

    def _queued_of(self, found: list[int], now: datetime) -> list[int]:
        if not found:
            return []
        with self._ledger.write() as tx:
            return due_actor_runs.mark_queued(tx, found, now=now, until=now + self._queued)


def _starts(barred: locks.Lock | None, now: datetime) -> int:
    """Say how many rows may start: any, none while Apify takes no starts, and then one that tries."""
    if barred is None:
        return _AT_ONCE
    return 0 if barred.until > now else 1
