"""Workers that may die or fall asleep at any point of what they do, and their ledger.

A point is before or after a call to Apify, or a commit. A crash is an exception that nothing catches: what
was not committed is gone, as it is when a process is killed. A worker that sleeps is a greenlet that is not
switched to: as with SIGSTOP, it knows nothing of it and goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import greenlet  # type: ignore[import-untyped]  # comes with gevent

from harvester.ledger import Ledger, Tx

BEFORE_COMMIT = "before a commit"
AFTER_READ = "after a read"


class Crash(BaseException):
    """The process died here. Nothing in the services may catch it."""


class Points:
    """Counts the points that one worker passes, and lets it die or fall asleep at one of them."""

    def __init__(self) -> None:
        self.die_in: int | None = None
        self.sleep_in: int | None = None
        #: True from when a worker that was asleep goes on, robbed of the row it held, to its next claim.
        self.robbed = False
        #: Whether it is a point, too, where something was read: what a worker goes by may be old then.
        self.reads = False

    def __call__(self, name: str) -> None:
        """Pass a point, or end there, or stop there for a while."""
        if name == AFTER_READ and not self.reads:
            return
        if self._reached("die_in"):
            raise Crash
        # Asleep in mid-transaction it would hold up all others: `tests/web` has that.
        if name != BEFORE_COMMIT and self._reached("sleep_in"):
            greenlet.getcurrent().parent.switch()

    def _reached(self, name: str) -> bool:
        left = getattr(self, name)
        if left is None:
            return False
        setattr(self, name, left - 1 if left else None)
        return bool(left == 0)


class Mortal(Ledger):
    """The ledger as one worker has it: each commit is a point, and is looked at."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.points = Points()
        #: Called with each transaction right before its commit, and without it right after.
        self.committing: Callable[[Tx, Points], None] = lambda _tx, _points: None
        self.committed: Callable[[], None] = lambda: None

    @contextmanager
    def write(self, **how: Any) -> Iterator[Tx]:
        """Write, unless the process dies first."""
        with super().write(**how) as tx:
            yield tx
            self.committing(tx, self.points)
            self.points(BEFORE_COMMIT)
        self.committed()
        self.points("after a commit")

    @contextmanager
    def read(self, **how: Any) -> Iterator[Tx]:
        """Read, and perhaps fall asleep over it."""
        with super().read(**how) as tx:
            yield tx
        self.points(AFTER_READ)


class Sleeper:
    """A worker that was stopped in mid-work."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._greenlet = greenlet.greenlet(work)

    @property
    def asleep(self) -> bool:
        """Whether it has something left to do."""
        return bool(self._greenlet)

    def go_on(self) -> None:
        """Work from where it was to its next sleep, or to the end."""
        self._greenlet.switch()

    def kill(self) -> None:
        """End it where it is."""
        if self.asleep:
            self._greenlet.throw(greenlet.GreenletExit)
