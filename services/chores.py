"""Chores: what has to be done every so often by one process, whichever comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from harvester import log
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, locks

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to do, and how often. `at_once`: for the first time as soon as somebody looks."""

    every: timedelta
    do: Callable[[], object]
    at_once: bool = True


class Chores:
    """Takes turns with the other processes, through a lock in the ledger for each chore."""

    def __init__(self, ledger: Ledger, chores: Mapping[str, Chore], clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._chores = chores
        self._clock = clock

    def due(self) -> list[str]:
        """Name the chores that are due and are now this process's to do."""
        now = self._clock()
        with self._ledger.read() as tx:
            free = set(self._chores) - {
                _name(lock) for lock in locks.held(tx, [_lock(name) for name in self._chores], now=now)
            }
        return [name for name in sorted(free) if self._taken(name, now)]

    def _taken(self, name: str, now: datetime) -> bool:
        chore = self._chores[name]
        with self._ledger.write() as tx:
            first = locks.get(tx, _lock(name)) is None
            taken = locks.take(tx, _lock(name), now=now, until=now + chore.every)
        return taken and (chore.at_once or not first)

    def __call__(self, name: str) -> None:
        """Do one. If it fails it is done again when its time comes, and the log says why."""
        try:
            self._chores[name].do()
        except HarvesterError as error:
            _log.warning("%s came to nothing this time: %s", name.capitalize(), error)
        except Exception:
            _log.exception("%s failed", name.capitalize())

    def ask(self, tx: Tx, name: str) -> None:
        """Make a chore due now, for whichever process looks next."""
        locks.extend(tx, _lock(name), until=self._clock(), times=0, reason="")


def _lock(name: str) -> str:
    return f"chore {name}"


def _name(lock: str) -> str:
    return lock.removeprefix("chore ")
