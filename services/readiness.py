"""Readiness: what a web process needs, and what the harvests need beside it, each by name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, schema
from services import pulse
from services.overview import other_schema

OK: Final = "ok"
#: What a web process cannot answer without. The others it only knows of: a webhook is kept all the same.
NEEDED: Final = ("ledger", "schema", "disk")
#: Bytes that must be free where the ledger's file is, for it to be written to.
_LEAST_FREE: Final = 50_000_000


class Readiness:
    """Looks at each dependency. It asks nobody outside, and opens nothing but the ledger."""

    def __init__(
        self, ledger: Ledger, clock: Callable[[], datetime], *, least_free: int = _LEAST_FREE
    ) -> None:
        """Build it. `least_free`: bytes that the disk of the ledger's file must have left."""
        self._ledger = ledger
        self._clock = clock
        self._least_free = least_free

    def __call__(self) -> dict[str, str]:
        """Say of each dependency `ok`, or what is wrong. `disk` is looked at for SQLite alone."""
        try:
            with self._ledger.read() as tx:
                found = {"ledger": OK, "schema": _schema(tx), **self._workers(tx)}
        except LedgerUnavailable:
            return {"ledger": "not available"}
        free = free_bytes(self._ledger)
        if free is not None:
            found["disk"] = (
                OK if free >= self._least_free else f"{free // 1_000_000} MB are free for the ledger"
            )
        return found

    def _workers(self, tx: Tx) -> dict[str, str]:
        """Tell of worker and queue by what the workers last said: a web process reaches no queue."""
        beat = pulse.last(tx)
        trouble = pulse.trouble(beat, self._clock())
        if beat is None or trouble is not None:
            return {"worker": trouble or OK, "queue": "not known: no worker is at work"}
        queue = OK if beat.queue_works else "it takes no wake-ups; the workers do without it, more slowly"
        return {"worker": OK, "queue": queue}


def free_bytes(ledger: Ledger) -> int | None:
    """Give the bytes that are free where the ledger's file is; None for PostgreSQL."""
    if not ledger.url.drivername.startswith("sqlite"):
        return None
    return shutil.disk_usage(Path(str(ledger.url.database)).parent).free


def _schema(tx: Tx) -> str:
    wrong = other_schema(schema.current(tx))
    return ": ".join(wrong) if wrong else OK
