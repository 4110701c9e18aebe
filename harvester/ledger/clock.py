"""One time for all processes on one ledger: that of the database's machine.

Leases, due times and the search for a lost start are times that one machine writes and another compares.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from harvester import log
from harvester.ledger.database import Tx

#: How often this machine's clock is compared with the database's.
_EVERY_SECONDS: Final = 30.0
#: A difference that a person should know of.
_NOTEWORTHY: Final = timedelta(seconds=2)

_log = log.get_logger(__name__)


class LedgerClock:
    """Tells the time. On SQLite there is one machine, and so one clock."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._compared_at: float | None = None
        self._told = timedelta(0)

    def __call__(self) -> datetime:
        """Tell the time, in UTC."""
        return datetime.now(UTC) + self._ahead

    def correct(self, tx: Tx) -> None:
        """Compare with the database's clock, if that is due."""
        began = time.monotonic()
        if tx.on_sqlite or (self._compared_at is not None and began - self._compared_at < _EVERY_SECONDS):
            return
        theirs: datetime = tx.execute(select(func.clock_timestamp())).scalar_one()
        self._ahead = theirs - datetime.now(UTC) + timedelta(seconds=(time.monotonic() - began) / 2)
        self._compared_at = began
        if abs(self._ahead - self._told) > _NOTEWORTHY:
            self._told = self._ahead
            _log.warning(
                "This machine's clock is %.1f s off the database's, whose time is used",
                -self._ahead.total_seconds(),
            )
