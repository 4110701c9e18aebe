"""Connections and transactions, with what SQLite and PostgreSQL each need to be safe."""

from __future__ import annotations

import sqlite3
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

#: What a driver raises for "not now"; a mistake of ours (a bad statement, a broken rule) is not among them.
_UNAVAILABLE = (OperationalError, InterfaceError, PoolTimeout)


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

    def __init__(self, url: str) -> None:
        self.url: URL = make_url(url)
        self._engine = _sqlite(self.url) if self.url.get_backend_name() == "sqlite" else _postgresql(self.url)

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

        Raises `LedgerUnavailable` if the database is unreachable, locked for `LOCK_SECONDS`, or full;
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
                connection = connection.execution_options(writing=writing)
                with connection.begin():
                    yield Tx(connection)
        except _UNAVAILABLE as error:
            raise LedgerUnavailable(f"the ledger is not available: {_reason(error)}") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise LedgerUnavailable(f"the ledger is not available: {_reason(error)}") from error
            raise


def _reason(error: Exception) -> str:
    """Say what the driver said, in one line, without the statement or its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN is deferred; `_begin_sqlite` says which
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write says so at once.

    A deferred one that reads and then writes fails with SQLITE_BUSY_SNAPSHOT, for which SQLite does
    not wait, however long the busy timeout is.
    """
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgresql(url: URL) -> Engine:
    options = f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout=30s -c timezone=UTC"
    return create_engine(
        url,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=20,
        pool_timeout=LOCK_SECONDS,
        connect_args={"connect_timeout": LOCK_SECONDS, "options": options},
    )
