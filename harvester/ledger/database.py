"""Transactions on the ledger, whichever database it is on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from harvester.errors import LedgerUnavailable
from harvester.ledger.postgresql import PostgreSQL
from harvester.ledger.sqlite import SQLite

#: How long a transaction may wait for others in all before the ledger counts as unavailable.
LOCK_SECONDS: Final = 5.0

#: What a driver raises for "not now"; a broken rule of the schema is not among them.
_UNAVAILABLE = (OperationalError, InterfaceError)
#: A wait that is worth one statement more to bound those that follow.
_NOTICEABLE_SECONDS = 0.1


class _Database(Protocol):
    """What is different between the databases."""

    engine: Engine

    def turn(self, *, writing: bool, deadline: float) -> Any:
        """Give a context in which a transaction may begin. Raises `LedgerUnavailable`."""

    def options(self, *, writing: bool, deadline: float) -> dict[str, Any]:
        """Give SQLAlchemy's options of a connection for one transaction."""

    def wait_no_longer(self, connection: Connection, seconds: float) -> None:
        """Bound the waits of this transaction's further statements."""


class Tx:
    """One open transaction. It commits when its `with` block ends, and rolls back if that raises."""

    def __init__(self, connection: Connection, waited: Callable[[], None] = lambda: None) -> None:
        self.connection = connection
        self._waited = waited
        self._after: list[Callable[[], None]] = []

    @property
    def on_sqlite(self) -> bool:
        """True on SQLite, where a write transaction already excludes every other writer."""
        return self.connection.dialect.name == "sqlite"

    def execute(self, statement: Executable, rows: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Run one statement, or one for each of `rows`."""
        began = time.monotonic()
        result = self.connection.execute(statement, rows)
        if time.monotonic() - began >= _NOTICEABLE_SECONDS:
            self._waited()
        return result

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once this transaction is on disk, and not at all if it rolls back."""
        self._after.append(call)

    def exclusively(self, name: str) -> None:
        """Let one transaction at a time pass this point under `name`, across all processes, until it ends."""
        if not self.on_sqlite:
            self.execute(text("select pg_advisory_xact_lock(hashtext(:name))").bindparams(name=name))
            self._waited()

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
        self._lock_seconds = lock_seconds
        on_sqlite = self.url.get_backend_name() == "sqlite"
        self._database: _Database = (SQLite if on_sqlite else PostgreSQL)(self.url, lock_seconds)

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
        self._database.engine.dispose()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Tx]:
        deadline = time.monotonic() + self._lock_seconds
        options = self._database.options(writing=writing, deadline=deadline)
        try:
            with (
                self._database.turn(writing=writing, deadline=deadline),
                self._database.engine.connect() as one,
            ):
                connection = one.execution_options(**options)
                with connection.begin():
                    self._waited(connection, deadline)
                    yield Tx(connection, lambda: self._waited(connection, deadline))
        except (DBAPIError, PoolTimeout) as error:
            if _is_unavailable(error):
                raise LedgerUnavailable(f"the ledger is not available: {_reason(error)}") from error
            raise

    def _waited(self, connection: Connection, deadline: float) -> None:
        """Let what a transaction waits for add up to the deadline, and no more."""
        left = deadline - time.monotonic()
        if left < self._lock_seconds - _NOTICEABLE_SECONDS:
            self._database.wait_no_longer(connection, max(left, _NOTICEABLE_SECONDS))


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
