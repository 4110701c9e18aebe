"""Copies of a ledger as files: each is a SQLite ledger of its own that says when it was taken.

Two numbers in the file's header, which SQLite leaves to applications, mark it; it has no table that a ledger
has not. https://www.sqlite.org/fileformat2.html#database_header
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from harvester.errors import HarvesterError
from harvester.ledger import copying, schema
from harvester.ledger.copying import Progress
from harvester.ledger.database import Ledger, Tx

#: "PHbk": the header's `application_id` of a copy.
_APPLICATION: Final = 0x5048626B
#: The header's `user_version` holds the copy's time in seconds: 32 bits, with a sign, until 2106.
_BITS: Final = 2**32
#: Pages of 4 KiB between two reports of progress.
_PAGES: Final = 256
#: Between two looks, in SQLite's own instructions, whether somebody wants to interrupt: some milliseconds.
_INSTRUCTIONS: Final = 100_000


class BadCopy(HarvesterError):
    """A file is no copy of a ledger, or cannot be written or read as one."""


def url_of(file: Path) -> str:
    """Give the URL of the ledger in a file."""
    return URL.create("sqlite", database=str(file)).render_as_string()


def fill(source: Tx, file: Path, progress: Progress) -> dict[str, int]:
    """Write a ledger as one moment shows it into an empty file. Returns how many rows each table has.

    From SQLite pages are copied, within the read transaction `source`: without it, each write of another
    process would make SQLite begin again. Raises `BadCopy` if the file cannot be written.
    """
    try:
        if source.on_sqlite:
            return _fill_by_pages(source, file, progress)
        with closing(Ledger(url_of(file))) as made:
            schema.migrate(made)
        with _changing(file) as target:
            return copying.copy(source, target, progress)
    except sqlite3.Error as error:
        raise BadCopy(f"{file} cannot be written: {_reason(error)}") from error


def _fill_by_pages(source: Tx, file: Path, progress: Progress) -> dict[str, int]:
    found = copying.counts(source)
    driver: Any = source.connection.connection.driver_connection
    size = driver.execute("PRAGMA page_size").fetchone()[0]
    with closing(_connected(file)) as target:
        _forget_crashes(target)
        driver.backup(
            target, pages=_PAGES, progress=lambda _, left, all_: progress((all_ - left) * size, all_ * size)
        )
    return found


def bytes_of(tx: Tx) -> int:
    """Say how big a copy by pages becomes; 0 where rows are copied, which nobody can tell before."""
    if not tx.on_sqlite:
        return 0
    driver: Any = tx.connection.connection.driver_connection
    pages, size = (driver.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def mark(file: Path, taken_at: datetime) -> None:
    """Write into a copy when it was taken, to the second before, and leave it as one file on disk."""
    number = int(taken_at.timestamp()) % _BITS
    with closing(_connected(file)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")  # until now its header asks for a log beside it
        connection.execute(f"PRAGMA application_id={_APPLICATION}")
        connection.execute(f"PRAGMA user_version={number - _BITS if number >= _BITS // 2 else number}")


def taken_at(tx: Tx) -> datetime | None:
    """Say when a copy was taken; None for a ledger that is no copy."""
    if _pragma(tx, "application_id") != _APPLICATION:
        return None
    return datetime.fromtimestamp(_pragma(tx, "user_version") % _BITS, UTC)


def check(tx: Tx) -> None:
    """Look through all of a copy. Raises `BadCopy` if SQLite finds it damaged."""
    fault = tx.connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if fault != "ok":
        raise BadCopy(f"the copy is damaged: {fault}")
    lost = tx.connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if lost is not None:
        raise BadCopy(f"the copy is damaged: a row of {lost[0]} refers to one of {lost[2]} that is not there")


@contextmanager
def opened(file: Path) -> Iterator[Tx]:
    """Read a copy and leave it as it is. Raises `BadCopy` if it cannot be read, or is none of SQLite's."""
    try:
        with _transaction(file, "ro") as tx:
            yield tx
    except (sqlite3.Error, DBAPIError) as error:
        raise BadCopy(f"{file} cannot be read: {_reason(error)}") from error


def duplicate(file: Path, to: Path) -> None:
    """Copy a copy, such as to migrate it. Raises `BadCopy`."""
    try:
        with closing(_connected(file, "ro")) as source, closing(_connected(to, "rwc")) as target:
            source.backup(target, pages=_PAGES, progress=lambda *_: None)
    except sqlite3.Error as error:
        raise BadCopy(f"{file} cannot be copied to {to.parent}: {_reason(error)}") from error


@contextmanager
def _changing(file: Path) -> Iterator[Tx]:
    try:
        with _transaction(file, "rw") as tx:
            yield tx
    except DBAPIError as error:
        raise error.orig if isinstance(error.orig, sqlite3.Error) else error from None


@contextmanager
def _transaction(file: Path, mode: str) -> Iterator[Tx]:
    engine = create_engine("sqlite://", creator=lambda: _connected(file, mode), poolclass=NullPool)
    with engine.connect() as connection:
        if mode == "rw":
            driver: Any = connection.connection.driver_connection
            _forget_crashes(driver)
        connection.exec_driver_sql("BEGIN")
        yield Tx(connection)
        connection.exec_driver_sql("COMMIT")


def _connected(file: Path, mode: str = "rw") -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.set_progress_handler(lambda: 0, _INSTRUCTIONS)  # Python looks for signals when it is called
    return connection


def _forget_crashes(connection: sqlite3.Connection) -> None:
    """Take no care of a file that is thrown away when anything happens before it is whole."""
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")


def _reason(error: sqlite3.Error | DBAPIError) -> str:
    """Say what SQLite said. Raises `KeyboardInterrupt` if it stopped because somebody wants it to."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt
    return str(cause)


def _pragma(tx: Tx, name: str) -> int:
    return int(tx.connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
