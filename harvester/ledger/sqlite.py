"""SQLite as the ledger: one file, several processes, one writer at a time.

The driver's own waiting (its busy timeout) sleeps in C, which stops every greenlet of a web process with
it. So nothing here waits in the driver: writers of one process take turns, and the one whose turn it is
asks for the file again and again, asleep in between.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from harvester.errors import LedgerUnavailable
from harvester.ledger import json_columns
from harvester.ledger.patience import Patience

#: The driver waits so long by itself: for the moments in which another process opens or closes the file.
_DRIVER_SECONDS = 0.01
#: Between two looks at a file that another process is writing.
_BUSY_SECONDS = 0.01


class SQLite:
    """An engine on one file, and the turns of its writers."""

    def __init__(self, url: URL, lock_seconds: float) -> None:
        self._path = Path(url.database) if url.database and url.database != ":memory:" else None
        self._lock_seconds = lock_seconds
        self._turn = threading.Lock()
        self._file: tuple[int, int] | None = None
        if self._path is not None:
            _make_folder(self._path.parent)
        self.engine: Engine = create_engine(
            url,
            pool_timeout=lock_seconds,
            connect_args={"timeout": _DRIVER_SECONDS},
            json_serializer=json_columns.written,
            json_deserializer=json_columns.read,
        )
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)
        event.listen(self.engine, "begin", self._require_wal)

    @contextmanager
    def turn(self, *, writing: bool, patience: Patience) -> Iterator[None]:
        """Wait until no other thread of this process writes, if this one wants to."""
        self._require_file()
        if not writing:
            yield
            return
        if not self._turn.acquire(timeout=max(patience.left, 0)):
            raise LedgerUnavailable("the ledger is not available: others have been writing for too long")
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def connected(self, *, writing: bool, patience: Patience) -> Iterator[Connection]:
        """Give a connection that knows whether it will write, and how long its begin may wait."""
        with self.engine.connect() as connection:
            yield connection.execution_options(writing=writing, patience=patience)

    def bound(self, connection: Connection, patience: Patience) -> None:
        """Nothing waits once a transaction has begun."""

    def _require_file(self) -> None:
        """Refuse to work on a file that is no longer the ledger: what is written into it would be lost."""
        if self._file is not None and self._found() != self._file:
            raise LedgerUnavailable(
                f"the ledger's file {self._path} was moved, deleted or replaced under this process: put it "
                "back, or restart the process to use the one that is there"
            )

    def _require_wal(self, connection: Connection) -> None:
        """Refuse a connection whose write-ahead log was deleted: SQLite itself keeps it while one is open."""
        if self._path is None:
            return
        now = _identity(self._path.with_name(f"{self._path.name}-wal"))
        known = connection.info.get("wal")
        if known is not None and known != now:
            raise LedgerUnavailable(
                f"the write-ahead log beside {self._path} was deleted under this process: restart it"
            )
        connection.info["wal"] = now

    def _found(self) -> tuple[int, int] | None:
        return _identity(self._path) if self._path is not None else None

    def _prepare(self, connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN is deferred; `_begin` says which
        try:
            _switch_to_wal(connection, time.monotonic() + self._lock_seconds)
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.Error:
            connection.close()
            raise
        self._file = self._file or self._found()


def _identity(file: Path) -> tuple[int, int] | None:
    """Tell which file a path leads to now; None if to none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerUnavailable(
            f"the folder of DATABASE_URL, {folder}, cannot be made: {error.strerror}"
        ) from error


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Wait for others that do the same to a new file: SQLite says at once that it is busy, and waits not."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(_BUSY_SECONDS)


def _begin(connection: Connection) -> None:
    """Begin; a transaction that will write says so at once.

    A deferred one that reads and then writes fails with SQLITE_BUSY_SNAPSHOT, for which SQLite does not wait.
    """
    options = connection.get_execution_options()
    statement = "BEGIN IMMEDIATE" if options.get("writing", True) else "BEGIN"
    patience = options.get("patience") or Patience(0)
    driver: Any = connection.connection.driver_connection
    while patience.left > 0:
        try:
            driver.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                break
        time.sleep(_BUSY_SECONDS)
    connection.exec_driver_sql(statement)  # once more, so that its failure is told as every other


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
