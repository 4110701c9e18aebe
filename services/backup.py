"""Backup: the ledger as one moment shows it, as a file, while everybody goes on writing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harvester.errors import HarvesterError
from harvester.ledger import Ledger, copy_files, copying, schema
from harvester.ledger.copying import Progress
from harvester.part_file import whole_or_not_at_all
from services.overview import other_schema


class CannotBackUp(HarvesterError):
    """The ledger cannot be backed up as it is. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made: its rows by table, and its size in bytes."""

    file: Path
    taken_at: datetime
    rows: dict[str, int]
    size: int


def backup(
    ledger: Ledger,
    file: Path,
    *,
    clock: Callable[[], datetime],
    force: bool = False,
    progress: Progress = lambda done, total: None,
    free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
) -> Backup:
    """Write the ledger to a file, check it from end to end, and only then give it its name.

    `free` tells the bytes that are free in a folder. Raises `CannotBackUp`, `Refused` if there is a file of
    this name, `CannotMake`, `BadCopy`, `LedgerUnavailable`, `OSError`, all of which leave `file` as it was.
    """
    _refuse_itself(ledger, file)
    _refuse_other_schema(ledger)
    with whole_or_not_at_all(file, force=force) as part:
        taken_at = clock()
        with ledger.read(patient=True) as tx:
            _refuse_without_room(copy_files.bytes_of(tx), part, free(part.parent))
            expected = copy_files.fill(tx, part, progress)
        copy_files.mark(part, taken_at)
        with copy_files.opened(part) as copy:
            copy_files.check(copy)
            rows = copying.counts(copy)
        copying.require_same(expected, rows)
        size = part.stat().st_size
    return Backup(file, taken_at, rows, size)


def _refuse_itself(ledger: Ledger, file: Path) -> None:
    path = ledger.url.database if ledger.url.get_backend_name() == "sqlite" else None
    if path and file.exists() and Path(path).exists() and file.samefile(path):
        raise CannotBackUp(f"{file} is the ledger itself: name another file")


def _refuse_other_schema(ledger: Ledger) -> None:
    with ledger.read() as tx:
        current = schema.current(tx)
    if current is None:
        raise CannotBackUp("DATABASE_URL leads to a database without tables: there is nothing to back up")
    if (wrong := other_schema(current)) is not None:
        problem, remedy = wrong
        raise CannotBackUp(f"the ledger's schema is {problem}: to back it up, {remedy} first")


def _refuse_without_room(needed: int, part: Path, free: int) -> None:
    if needed > free:
        raise CannotBackUp(
            f"the backup needs {needed / 1e6:,.1f} MB and {part.parent} has {free / 1e6:,.1f} MB free"
        )
