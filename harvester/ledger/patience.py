"""Patience: how long one transaction may wait for others, all its waits together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Patience:
    """The seconds that a transaction may wait. What it computes between its waits costs nothing.

    `lock_seconds`, if given, bounds each single wait for a row besides. `long` work takes its time by
    intent: a statement of its own may run, and the transaction lie idle, for all of `seconds`.
    """

    def __init__(self, seconds: float, *, lock_seconds: float | None = None, long: bool = False) -> None:
        self.seconds = seconds
        self.lock_seconds = lock_seconds
        self.long = long
        self._spent = 0.0
        self._waiting_since: float | None = None

    @property
    def unusual(self) -> bool:
        """True if the bounds that a connection has from the beginning are not these."""
        return self.long or self.lock_seconds is not None

    @property
    def left(self) -> float:
        """The seconds that are left, below zero when there are none."""
        waiting = time.monotonic() - self._waiting_since if self._waiting_since is not None else 0.0
        return self.seconds - self._spent - waiting

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Count the time that the block takes as waiting; one block within another counts once."""
        if self._waiting_since is not None:
            yield
            return
        self._waiting_since = time.monotonic()
        try:
            yield
        finally:
            self._spent += time.monotonic() - self._waiting_since
            self._waiting_since = None
