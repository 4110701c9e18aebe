"""A connection of psycopg's that gives up waiting for a server which says nothing.

A server that is frozen, or has vanished behind its network, keeps none of its own time-outs, and libpq waits
for an answer without end. psycopg does its waiting step by step, and tells in between that nothing came:
there the client's patience is looked at. Only this module imports psycopg, which is an optional extra.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, TypeVar

import psycopg

from harvester.ledger.patience import Patience

T = TypeVar("T")

#: Every single answer is given so long, however little patience is left: a busy server is not a frozen one.
_LEAST_SECONDS: Final = 0.2

#: A pooled connection that is tried gets so much of the patience: the rest is for a new one in its place.
_SHARE_OF_A_TRIAL: Final = 0.5

#: Whose patience counts while a pooled connection is tried, or a new one made: it is nobody's yet.
_connecting: ContextVar[Patience | None] = ContextVar("connecting", default=None)


class OutOfPatience(psycopg.OperationalError):
    """The server has not answered in time. The connection is closed."""


@contextmanager
def connecting(patience: Patience) -> Iterator[None]:
    """Bound by `patience` what the block waits for on any connection, new ones included."""
    token = _connecting.set(patience)
    try:
        with patience.spent():
            yield
    finally:
        _connecting.reset(token)


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed, with `OutOfPatience`, once its patience has run out without an answer.

    It cannot be used on: the answer may still come, and would be taken for that of the next question.
    """

    #: Of the transaction that has the connection; None: no bound.
    patience: Patience | None = None

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        """Wait as psycopg does, within the patience."""
        trying = _connecting.get()
        patience = trying or self.patience
        if patience is None:
            return super().wait(gen, *args, **kwargs)
        share = _SHARE_OF_A_TRIAL if trying else 1.0
        try:
            with patience.spent():
                return super().wait(_while_patient(gen, patience, share), *args, **kwargs)
        except OutOfPatience:
            self.close()
            raise

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        """Make the connection within the patience: libpq counts in whole seconds, two at the least."""
        made = super()._connect_gen(*args, **kwargs)
        patience = _connecting.get()
        return made if patience is None else _while_patient(made, patience)


def _while_patient(
    steps: Generator[Any, Any, T], patience: Patience, share: float = 1.0
) -> Generator[Any, Any, T]:
    """Go through the steps of a wait, and stop at one at which nothing came and the time is over."""
    began = time.monotonic()
    deadline = began + max(patience.left * share, _LEAST_SECONDS)
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise OutOfPatience(f"the server has not answered for {time.monotonic() - began:.1f} seconds")
            wanted = steps.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
