"""Group commit: what many ask for at once is written in one transaction, and one fsync serves them all.

There is no thread of its own. Whoever asks while nobody leads becomes the leader, lets others join, and
writes for all of them; who comes meanwhile waits, and one of those leads next. It needs nothing but locks
and events, so it works with threads and, where those are patched, with greenlets.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from harvester.errors import LedgerUnavailable
from harvester.ledger.database import Blocked, CannotUndo, Ledger, TookTooLong, Tx
from harvester.ledger.patience import Patience

T = TypeVar("T")

#: Works in one transaction at the most. PostgreSQL keeps 64 savepoints of a transaction at hand, no more.
MOST: Final = 60
#: A locked row holds up all who are done together for so long: more than a commit of others takes.
_TOGETHER_LOCK_SECONDS: Final = 0.05
#: They are then done one after the other: it holds others up for so long, and is then done by itself. Both
#: are less than the second after which PostgreSQL looks for two that wait for each other.
_LOCK_SECONDS: Final = 0.2
#: So often a leader gives way without anybody joining.
_IN_VAIN: Final = 3
#: What a work of several together gives that is to be done by itself, after them.
APART: Final = object()

Work = Callable[[Tx], Any]
#: Does several works at once, and gives the result of each, or the exception that it raises, or `APART`.
#: Of one without a result it has changed nothing.
Together = Callable[[Tx, Sequence[Any]], Sequence[Any]]


class _Asked:
    """One work, and what became of it."""

    __slots__ = ("at", "called", "context", "finish", "leads", "work")

    def __init__(self, work: Work) -> None:
        self.work = work
        self.context = contextvars.copy_context()
        self.at = time.monotonic()
        self.called = threading.Event()
        self.leads = False
        self.finish: Callable[[], Any] = _cut_short


class GroupCommit:
    """Runs works in transactions that they share. Build it after a fork, as its ledger.

    `together` does all that there are with fewer statements, without their own log IDs. Where it raises, they
    are undone, and done one after the other.
    """

    def __init__(self, ledger: Ledger, together: Together | None = None) -> None:
        self._ledger = ledger
        self._together = together
        self._lock = threading.Lock()
        self._waiting: list[_Asked] = []
        self._led = False

    def __call__(self, work: Callable[[Tx], T]) -> T:
        """Run `work` in a write transaction, with others. On return it is on disk.

        It must use its transaction alone, and bear to be run again after it was undone: one that meets a
        locked row is. What it raises is raised here, and it alone is undone. Raises `LedgerUnavailable` when
        nobody's could be written; who waits behind it is told so at once, and not after a wait of its own.
        """
        asked = _Asked(work)
        with self._lock:
            self._waiting.append(asked)
            asked.leads, self._led = not self._led, True
        if not asked.leads:
            self._await(asked)
        if asked.leads:
            self._lead()
        result: T = asked.finish()
        return result

    def _await(self, asked: _Asked) -> None:
        try:
            asked.called.wait()
        except BaseException:  # a greenlet that is killed, or Ctrl-C: the others must not wait for it
            with self._lock:
                if asked in self._waiting:
                    self._waiting.remove(asked)
                if asked.leads:
                    self._pass_on()
            raise

    def _lead(self) -> None:
        """Write what is waiting, call those whose it is, and let another lead."""
        batch: list[_Asked] = []
        try:
            self._let_others_join()
            batch = self._taken(MOST)
            self._commit(batch)
        except BaseException as error:
            batch += self._taken(None)
            _tell(batch, error)
            if not isinstance(error, LedgerUnavailable):
                raise
        finally:
            with self._lock:
                self._pass_on()
            for one in batch:
                one.called.set()

    def _let_others_join(self) -> None:
        """Give way for as long as that brings somebody.

        More than once in vain: gevent looks for what has come over its sockets only after the first.
        """
        joined = in_vain = 0
        while in_vain < _IN_VAIN and len(self._waiting) < MOST:
            in_vain = 0 if joined < len(self._waiting) else in_vain + 1
            joined = len(self._waiting)
            time.sleep(0)

    def _taken(self, most: int | None) -> list[_Asked]:
        with self._lock:
            taken, self._waiting = self._waiting[:most], self._waiting[len(self._waiting[:most]) :]
        return taken

    def _pass_on(self) -> None:
        """Let the first who waits lead, if anybody does. Under the lock."""
        self._led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].called.set()

    def _commit(self, batch: list[_Asked]) -> None:
        finishes = self._all_at_once(batch) or self._one_by_one(batch)
        for one, finish in zip(batch, finishes, strict=True):
            one.finish = finish

    def _all_at_once(self, batch: list[_Asked]) -> list[Callable[[], Any]] | None:
        """Write the batch with what does several together. None if there is none, or it could not."""
        if self._together is None:
            return None
        try:
            with self._ledger.write(patience=self._left_of(batch[0], _TOGETHER_LOCK_SECONDS)) as tx:
                ended = self._together(tx, [one.work for one in batch])
        except (Blocked, TookTooLong):
            return None
        except LedgerUnavailable:
            raise
        except Exception:
            return None  # whose fault it is comes out when they are done one after the other
        return [self._as_it_ended(one, end) for one, end in zip(batch, ended, strict=True)]

    def _as_it_ended(self, asked: _Asked, end: Any) -> Callable[[], Any]:
        if end is APART:
            return lambda: self._alone(asked)
        return _raising(end) if isinstance(end, Exception) else lambda: end

    def _one_by_one(self, batch: list[_Asked]) -> list[Callable[[], Any]]:
        with self._ledger.write(patience=self._left_of(batch[0], _LOCK_SECONDS)) as tx:
            return [self._done(tx, one) for one in batch]

    def _done(self, tx: Tx, asked: _Asked) -> Callable[[], Any]:
        """Run one work in the shared transaction, and say how its call ends once that is on disk."""
        try:
            with tx.part() as part:
                result = asked.context.run(asked.work, part)
        except CannotUndo:
            raise
        except Blocked:
            return lambda: self._alone(asked)
        except Exception as error:
            return _raising(error)
        return lambda: _committed(part, result)

    def _alone(self, asked: _Asked) -> Any:
        with self._ledger.write(patience=self._left_of(asked)) as tx:
            return asked.work(tx)

    def _left_of(self, asked: _Asked, lock_seconds: float | None = None) -> Patience:
        """Give the patience that is left to who has waited since then."""
        waited = time.monotonic() - asked.at
        return Patience(max(self._ledger.lock_seconds - waited, 0), lock_seconds=lock_seconds)


def _committed(part: Tx, result: T) -> T:
    part.committed()
    return result


def _raising(error: Exception) -> Callable[[], Any]:
    def finish() -> Any:
        raise error

    return finish


def _cut_short() -> Any:
    raise LedgerUnavailable("the ledger is not available: the commit was cut short")


def _tell(batch: list[_Asked], error: BaseException) -> None:
    """Give each an exception of its own: one that several threads raise gathers the traces of all."""
    for one in batch:
        told = LedgerUnavailable(str(error)) if isinstance(error, LedgerUnavailable) else None
        one.finish = _raising(told) if told else _cut_short
