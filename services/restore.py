"""Restore: a backup becomes the ledger, if there is none yet; all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, copy_files, copying, schema
from harvester.ledger.copy_files import BadCopy
from harvester.ledger.copying import Progress
from harvester.ledger.patience import Patience
from harvester.settings.urls import sqlite_path

#: What PostgreSQL may take for all rows together; for each lock, no longer than for anything else.
_LONGEST_SECONDS: Final = 24 * 3_600.0


class CannotRestore(HarvesterError):
    """There is no ledger to restore into, or nothing to restore. Nothing was changed."""


class IsBackup(HarvesterError):
    """A backup was taken for a ledger. Nothing was done."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: rows by table, and how many planned starts are searched for."""

    taken_at: datetime
    #: The backup's schema, if it was an older one.
    migrated_from: str | None
    rows: dict[str, int]
    searched_for: int
    search_at: datetime


def restore(
    ledger: Ledger,
    file: Path,
    *,
    clock: Callable[[], datetime],
    unknown_start: timedelta,
    progress: Progress = lambda done, total: None,
) -> Restored:
    """Fill an empty ledger from a backup, in one transaction. The backup stays as it is.

    What it calls `planned` may have been started since. It is searched for at Apify, once `unknown_start` has
    passed from now on, as any start whose answer was lost. Raises `CannotRestore`, `BadCopy`, `CannotHold`,
    `LedgerTooNew`, `LedgerUnavailable`.
    """
    with _sound(file) as taken_at, _at_our_schema(file) as (source, migrated_from):
        _refuse_unless_empty(ledger)
        schema.migrate(ledger)
        search_at = clock() + unknown_start
        patience = Patience(_LONGEST_SECONDS, lock_seconds=ledger.lock_seconds, long=True)
        with ledger.write(patience=patience) as tx:
            copying.exclude_others(tx)
            _refuse_rows_in(tx)
            rows = copying.copy(source, tx, progress)
            copying.require_same(copying.counts(source), rows)
            searched_for = copying.hand_over(tx, taken_at=taken_at, search_at=search_at)
    return Restored(taken_at, migrated_from, rows, searched_for, search_at)


def refuse_backup(url: str) -> None:
    """Raise `IsBackup` if this ledger's URL leads to a backup: to open it as a ledger would change it."""
    path = sqlite_path(url)
    if path is None or not (file := Path(path)).is_file():
        return
    with suppress(BadCopy), copy_files.opened(file) as tx:  # what cannot be read is told by who opens it next
        if copy_files.taken_at(tx) is not None:
            raise IsBackup(
                f"{file} is a backup, which stays as it is: restore it into a new ledger (harvester restore "
                f"{file}, with DATABASE_URL leading to a new file or database), and look into that"
            )


@contextmanager
def _sound(file: Path) -> Iterator[datetime]:
    """Look through a backup, and say when it was taken."""
    with copy_files.opened(file) as tx:
        taken_at = copy_files.taken_at(tx)
        if taken_at is None:
            raise CannotRestore(
                f"{file} was not made by harvester backup. If it is a ledger, back it up first: "
                f"DATABASE_URL={copy_files.url_of(file)} harvester backup OTHER_FILE"
            )
        copy_files.check(tx)
    yield taken_at


@contextmanager
def _at_our_schema(file: Path) -> Iterator[tuple[Tx, str | None]]:
    """Read a backup as this program's schema has it: an older one from a copy of it that is migrated."""
    with copy_files.opened(file) as tx:
        current = schema.current(tx)
        if current == schema.newest():
            yield tx, None
            return
    with TemporaryDirectory(prefix="harvester-restore-") as folder:
        other = Path(folder) / "migrated.db"
        copy_files.duplicate(file, other)
        with closing(Ledger(copy_files.url_of(other))) as migrated:
            schema.migrate(migrated)
        with copy_files.opened(other) as tx:
            yield tx, current


def _refuse_unless_empty(ledger: Ledger) -> None:
    with ledger.read() as tx:
        _refuse_rows_in(tx)


def _refuse_rows_in(tx: Tx) -> None:
    if not copying.is_empty(tx):
        raise CannotRestore(
            "the ledger that DATABASE_URL leads to has rows already, and a backup goes into an empty one "
            "only: set DATABASE_URL to a new database or file"
        )
