"""Connections and transactions, with what SQLite and PostgreSQL each need to be safe."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Connection,
    CursorResult,
    Engine,
    Executable,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from harvester.errors import LedgerUnavailable

#: How long a statement may wait for another process's lock before the ledger counts as unavailable.
LOCK_SECONDS: Final = 5

#: What a driver raises for "not now"; a broken rule of the schema is not among them.
_UNAVAILABLE = (OperationalError, InterfaceError)
#: Between two looks at a SQLite file that another process is switching to its write-ahead log.
_BUSY_SECONDS = 0.01
#: libpq waits for a connection in whole seconds, two at the least.
_LEAST_CONNECT_SECONDS = 2


class Tx:
    """One open transaction. It commits when its `with` block ends, and rolls back if that raises."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._after: list[Callable[[], None]] = []

    @property
    def on_sqlite(self) -> bool:
        """True on SQLite, where a write transaction already excludes every other writer."""
        return self.connection.dialect.name == "sqlite"

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement, or one for each of `rows`."""
        return self.connection.execute(statement, rows)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once this transaction is on disk, and not at all if it rolls back."""
        self._after.append(call)

    def exclusively(self, name: str) -> None:
        """Let one transaction at a time pass this point under `name`, across all processes, until it ends."""
        if not self.on_sqlite:
            self.execute(text("select pg_advisory_xact_lock(hashtext(:name))").bindparams(name=name))

    def committed(self) -> None:
        """Run what waited for the commit."""
        for call in self._after:
            call()


class Ledger:
    """The database behind a URL. Cheap to build, opens nothing until used, safe to share between threads.

    Build it after a fork, never before: connections must not cross one.
    """

    def __init__(self, url: str, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.url: URL = make_url(url)
        on_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = (_sqlite if on_sqlite else _postgresql)(self.url, lock_seconds)

    def __repr__(self) -> str:
        return f"Ledger({self.url.render_as_string(hide_password=True)!r})"

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """Open a transaction that only reads: a consistent view that blocks nobody.

        Raises `LedgerUnavailable` if the database cannot be reached.
        """
        with self._transaction(writing=False) as tx:
            yield tx

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """Open a transaction that writes. On return it is on disk.

        Raises `LedgerUnavailable` if the database is unreachable, locked for `lock_seconds`, or full;
        nothing was written then.
        """
        with self._transaction(writing=True) as tx:
            yield tx
        tx.committed()

    def close(self) -> None:
        """Close the pooled connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Tx]:
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(**self._options(writing))
                with connection.begin():
                    yield Tx(connection)
        except (DBAPIError, PoolTimeout) as error:
            if _is_unavailable(error):
                raise LedgerUnavailable(f"the ledger is not available: {_reason(error)}") from error
            raise

    def _options(self, writing: bool) -> dict[str, Any]:
        if writing or self._engine.dialect.name == "sqlite":
            return {"writing": writing}
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def _is_unavailable(error: DBAPIError | PoolTimeout) -> bool:
    """Tell "not now" from a mistake of ours, for which sqlite3 has OperationalError too: a bad statement."""
    if isinstance(error, PoolTimeout):
        return True
    if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        return False
    return isinstance(error, _UNAVAILABLE) or error.connection_invalidated


def _reason(error: Exception) -> str:
    """Say what the driver said, in one line, without the statement or its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__


def _sqlite(url: URL, lock_seconds: float) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_timeout=lock_seconds, connect_args={"timeout": lock_seconds})

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        _prepare_sqlite(connection, lock_seconds)

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, lock_seconds: float) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; `_begin_sqlite` says which
    try:
        _switch_to_wal(connection, time.monotonic() + lock_seconds)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
    except sqlite3.Error:
        connection.close()
        raise


def _switch_to_wal(connection: sqlite3.Connection, deadline: float) -> None:
    """Wait for others that do the same to a new file: SQLite says at once that it is busy, and waits not."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_BUSY_SECONDS)


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write says so at once.

    A deferred one that reads and then writes fails with SQLITE_BUSY_SNAPSHOT, for which SQLite does
    not wait, however long the busy timeout is.
    """
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgresql(url: URL, lock_seconds: float) -> Engine:
    options = f"-c lock_timeout={lock_seconds * 1000:.0f} -c statement_timeout=30s -c timezone=UTC"
    connecting = max(_LEAST_CONNECT_SECONDS, round(lock_seconds))
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_timeout=lock_seconds,
        connect_args={"connect_timeout": connecting, "options": options},
    )
