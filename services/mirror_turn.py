"""A turn at one table of one base: who may write there, and until when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from harvester.errors import LostLease
from harvester.ledger import Ledger, Tx, locks


class Turn:
    """The right to write to one table, for one process at a time, across all of them.

    It outlasts any request that was begun in it: whoever has it next sends nothing that could be overtaken.
    """

    def __init__(
        self, ledger: Ledger, name: str, owner: str, lease: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._owner = owner
        self._lease = lease
        self._clock = clock
        self._until = clock()
        self._kept = threading.Event()

    def taken(self) -> bool:
        """Try to take it."""
        now = self._clock()
        with self._ledger.write() as tx:
            self._until = now + self._lease
            return locks.take(tx, self._name, now=now, until=self._until, owner=self._owner)

    def check(self) -> None:
        """Raise `LostLease` if it has run out: this process was stopped, or slow beyond measure."""
        if self._clock() >= self._until:
            raise LostLease(f"{self._name} is another process's turn by now")

    def renew(self, tx: Tx) -> bool:
        """Keep it for longer, with the writing down of what was done in it. False if it is lost."""
        until = self._clock() + self._lease
        held = locks.renew(tx, self._name, until=until, owner=self._owner)
        if held:
            self._until = until
        return held

    def shut(self, tx: Tx, *, until: datetime) -> None:
        """Let nobody have it until then."""
        self._kept.set()
        locks.renew(tx, self._name, until=until, owner=self._owner)

    def give_back(self) -> None:
        """Let the next one have it, unless it was shut."""
        if not self._kept.is_set():
            with self._ledger.write() as tx:
                locks.give_back(tx, self._name, owner=self._owner)
