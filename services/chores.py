"""Chores: what has to be done every so often, or when there is something to do, by one process each time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.ledger import Ledger, Tx, locks

#: The clocks of two processes may be so far apart.
_APART: Final = timedelta(minutes=1)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do, and how often. `at_once`: for the first time as soon as somebody looks.

    With `when` it is due whenever that says so, and only then; `when` is asked at each look, in a
    transaction that only reads. `every` is then how long one process may take before another one tries, and
    the wait after a failure; when it is done it may be due again at once, whatever `at_once` says.
    """

    every: timedelta
    do: Callable[[], object]
    at_once: bool = True
    when: Callable[[Tx], bool] | None = None


class Chores:
    """Takes turns with the other processes, through a lock in the ledger for each chore."""

    def __init__(self, ledger: Ledger, chores: Mapping[str, Chore], clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._chores = chores
        self._clock = clock

    def due(self) -> list[str]:
        """Name the chores that are due and are now this process's to do. One read where none is."""
        now = self._clock()
        with self._ledger.read() as tx:
            longest = {_lock(name): _longest(chore) for name, chore in self._chores.items()}
            free = set(self._chores) - {
                _name(lock) for lock in locks.held(tx, longest, now=now, longest=longest)
            }
            found = [name for name in sorted(free) if self._is_wanted(tx, name)]
        return [name for name in found if self._taken(name, now)]

    def _is_wanted(self, tx: Tx, name: str) -> bool:
        when = self._chores[name].when
        return when is None or when(tx)

    def _taken(self, name: str, now: datetime) -> bool:
        chore = self._chores[name]
        with self._ledger.write() as tx:
            first = locks.get(tx, _lock(name)) is None
            until, turn = now + chore.every, secrets.token_hex(8)
            longest = _longest(chore)
            taken = locks.take(tx, _lock(name), now=now, until=until, owner=turn, longest=longest)
        return taken and (chore.at_once or chore.when is not None or not first)

    def __call__(self, name: str) -> None:
        """Do one. If it fails it is done again when its time comes, and the log says why.

        Not always by the process that has found it due: a queue may lie between.
        """
        chore = self._chores[name]
        try:
            turn = self._turn(name) if chore.when is not None else None
            chore.do()
        except HarvesterError as error:
            _log.warning("%s came to nothing this time: %s", name.capitalize(), error)
        except Exception:
            _log.exception("%s failed", name.capitalize())
        else:
            if turn is not None:
                self._given_back(name, turn)

    def _turn(self, name: str) -> str | None:
        with self._ledger.read() as tx:
            lock = locks.get(tx, _lock(name))
        return lock.reason if lock is not None else None

    def _given_back(self, name: str, turn: str) -> None:
        """Free the chore for the next piece of work, unless it was somebody else's turn meanwhile."""
        with suppress(LedgerUnavailable), self._ledger.write() as tx:  # it runs out by itself
            locks.give_back(tx, _lock(name), owner=turn)

    def ask(self, tx: Tx, name: str) -> None:
        """Make a chore due now, for whichever process looks next."""
        locks.extend(tx, _lock(name), until=self._clock(), times=0, reason="")


def _longest(chore: Chore) -> timedelta:
    """Say how far ahead a chore's lock may lie: nobody takes one for longer."""
    return chore.every + _APART


def _lock(name: str) -> str:
    return f"chore {name}"


def _name(lock: str) -> str:
    return lock.removeprefix("chore ")
