"""Transactions on the ledger, whichever database it is on."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, Protocol

from sqlalchemy import URL, Connection, CursorResult, Engine, Executable, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from harvester.errors import LedgerUnavailable
from harvester.ledger.mirroring import Kind
from harvester.ledger.patience import Patience
from harvester.ledger.postgresql import PostgreSQL
from harvester.ledger.sqlite import SQLite

#: How long a transaction may wait for others in all before the ledger counts as unavailable.
LOCK_SECONDS: Final = 5.0
#: The same for work that takes long by intent, such as a migration.
PATIENT_SECONDS: Final = 600.0

#: What a driver raises for "not now"; a broken rule of the schema is not among them.
_UNAVAILABLE = (OperationalError, InterfaceError)
#: PostgreSQL's words for a lock that was not had in time, and for two that wait for each other.
_BLOCKED = frozenset({"55P03", "40P01"})
#: Its word for a statement that it has broken off.
_TOOK_TOO_LONG = "57014"
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
#: A wait that is worth one statement more to bound those that follow.
_NOTICEABLE_SECONDS = 0.1


class Blocked(LedgerUnavailable):
    """A row was locked by another transaction for too long. The database itself answers."""


class TookTooLong(LedgerUnavailable):
    """A statement was broken off by the database, which itself answers."""


class Damaged(LedgerUnavailable):
    """The ledger's file is damaged, or is no SQLite database."""


class CannotUndo(LedgerUnavailable):
    """A part of a transaction could not be undone by itself: nothing of the whole may be kept."""


class _Database(Protocol):
    """What is different between the databases."""

    engine: Engine

    def turn(self, *, writing: bool, patience: Patience) -> AbstractContextManager[None]:
        """Give a context in which a transaction may begin. Raises `LedgerUnavailable`."""

    def connected(self, *, writing: bool, patience: Patience) -> AbstractContextManager[Connection]:
        """Give a connection for one transaction."""

    def bound(self, connection: Connection, patience: Patience) -> None:
        """Bound the waits of this transaction's further statements by what is left."""


class Tx:
    """One open transaction. It commits when its `with` block ends, and rolls back if that raises."""

    def __init__(
        self,
        connection: Connection,
        waited: Callable[[], None] = lambda: None,
        owed: dict[Kind, set[Any]] | None = None,
    ) -> None:
        self.connection = connection
        #: What Airtable is to be told of, by the keys in the ledger; None: nothing.
        self._owed = owed
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
        self.noticed(began)
        return result

    def noticed(self, began: float) -> None:
        """Count what was asked of the database since that moment, by `time.monotonic`, among the waits."""
        if time.monotonic() - began >= _NOTICEABLE_SECONDS:
            self._waited()

    @contextmanager
    def part(self) -> Iterator[Tx]:
        """Open a part of this transaction. If it raises, what it did is undone, and the rest may go on.

        What waits for the commit in it is run by `committed` of the part, not of the whole. Raises
        `LedgerUnavailable` for what the database could not do now, and `CannotUndo` when all is lost.
        """
        self._mark("SAVEPOINT part")
        try:
            yield Tx(self.connection, self._waited, self._owed)
        except Exception as error:
            # A full disk ends the whole transaction on SQLite, unasked; it has no savepoint any more then.
            self._mark("ROLLBACK TO SAVEPOINT part", after=error)
            told = told_as_unavailable(error)
            if told is not None:
                raise told from error
            raise

    def _mark(self, statement: str, *, after: Exception | None = None) -> None:
        """Run a statement without SQLAlchemy, which would take longer for it than the database does."""
        try:
            driver: Any = self.connection.connection.driver_connection
            driver.execute(statement).close()
        except Exception as error:
            raise CannotUndo(f"the ledger is not available: {_reason(after or error)}") from error

    def after_commit(self, call: Callable[[], None]) -> None:
        """Run `call` once this transaction is on disk, and not at all if it rolls back."""
        self._after.append(call)

    def owe(self, kind: Kind, *keys: object) -> None:
        """Airtable is to be told that these have changed, if it is told at all.

        That is written down at the end of the transaction: whoever else changes them waits there, and not
        with locks that somebody needs who has come further.
        """
        if self._owed is not None:
            self._owed.setdefault(kind, set()).update(keys)

    def exclusively(self, name: str) -> None:
        """Let one transaction at a time pass this point under `name`, across all processes, until it ends."""
        if not self.on_sqlite:
            self.execute(text("select pg_advisory_xact_lock(hashtext(:name))").bindparams(name=name))
            self._waited()

    def first_at(self, name: str) -> bool:
        """Say whether this transaction is the first at `name`, across all processes, without waiting.

        The others are told no until it ends.
        """
        if self.on_sqlite:
            return True
        statement = text("select pg_try_advisory_xact_lock(hashtext(:name))").bindparams(name=name)
        return bool(self.execute(statement).scalar_one())

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
        self._begun: Callable[[Tx], None] = lambda _tx: None
        self._write_down: Callable[[Tx, dict[Kind, set[Any]]], None] | None = None

    def __repr__(self) -> str:
        return f"Ledger({self.url.render_as_string(hide_password=True)!r})"

    @property
    def lock_seconds(self) -> float:
        """How long a transaction may wait for others in all."""
        return self._lock_seconds

    @contextmanager
    def read(self, *, patient: bool = False) -> Iterator[Tx]:
        """Open a transaction that only reads: a consistent view that blocks nobody.

        Raises `LedgerUnavailable` if the database cannot be reached. `patient` is for what takes long by
        intent, and nobody waits for: it may, then, for ten minutes.
        """
        with self._transaction(self._patience(patient), writing=False) as tx:
            yield tx

    @contextmanager
    def write(self, *, patient: bool = False, patience: Patience | None = None) -> Iterator[Tx]:
        """Open a transaction that writes. On return it is on disk.

        Raises `LedgerUnavailable` if the database is unreachable, locked for `lock_seconds`, or full;
        nothing was written then, unless the answer to the commit itself was lost. `patient` as in `read`;
        `patience` says exactly how long it may wait.
        """
        owed: dict[Kind, set[Any]] = {}
        told = None if self._write_down is None else owed
        with self._transaction(patience or self._patience(patient), writing=True, owed=told) as tx:
            yield tx
            if owed and self._write_down is not None:
                self._write_down(tx, owed)
        tx.committed()

    def at_each_begin(self, call: Callable[[Tx], None]) -> None:
        """Run `call` at the beginning of every transaction from now on."""
        self._begun = call

    def at_end_of_owing(self, write_down: Callable[[Tx, dict[Kind, set[Any]]], None]) -> None:
        """Call `write_down` at the end of every transaction that owes Airtable something, from now on."""
        self._write_down = write_down

    def close(self) -> None:
        """Close the pooled connections."""
        self._database.engine.dispose()

    def _patience(self, patient: bool) -> Patience:
        return Patience(PATIENT_SECONDS, long=True) if patient else Patience(self._lock_seconds)

    @contextmanager
    def _transaction(
        self, patience: Patience, *, writing: bool, owed: dict[Kind, set[Any]] | None = None
    ) -> Iterator[Tx]:
        try:
            with ExitStack() as open_things:
                with patience.spent():
                    open_things.enter_context(self._database.turn(writing=writing, patience=patience))
                    connection = open_things.enter_context(
                        self._database.connected(writing=writing, patience=patience)
                    )
                    open_things.enter_context(connection.begin())
                self._waited(connection, patience, unusual=patience.unusual)
                tx = Tx(connection, lambda: self._waited(connection, patience), owed)
                self._begun(tx)
                yield tx
        except (DBAPIError, PoolTimeout) as error:
            told = told_as_unavailable(error)
            if told is not None:
                raise told from error
            raise

    def _waited(self, connection: Connection, patience: Patience, *, unusual: bool = False) -> None:
        """Let what a transaction waits for add up to its bound, and no more."""
        if unusual or patience.left < self._lock_seconds - _NOTICEABLE_SECONDS:
            self._database.bound(connection, patience)


def told_as_unavailable(error: Exception) -> LedgerUnavailable | None:
    """Say "not now" of a driver's error that means it, and nothing of a mistake of ours."""
    if not isinstance(error, (DBAPIError, PoolTimeout)):
        return None
    if _sqlite_code(error) in _DAMAGED:
        return Damaged(
            f"the ledger's file cannot be read ({_reason(error)}): stop web and workers, keep the file, and "
            "restore the youngest backup into a new one (docs/backup.md)"
        )
    if not _is_unavailable(error):
        return None
    return _kind_of(error)(f"the ledger is not available: {_reason(error)}")


def _kind_of(error: DBAPIError | PoolTimeout) -> type[LedgerUnavailable]:
    """Tell one statement's trouble from the database's."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    if state in _BLOCKED:
        return Blocked
    return TookTooLong if state == _TOOK_TOO_LONG else LedgerUnavailable


def _sqlite_code(error: Exception) -> int | None:
    """Give SQLite's primary result code, if the error is SQLite's."""
    code = getattr(getattr(error, "orig", None), "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None


def _is_unavailable(error: DBAPIError | PoolTimeout) -> bool:
    """Tell "not now" from a mistake of ours, for which sqlite3 has OperationalError too: a bad statement."""
    if isinstance(error, PoolTimeout):
        return True
    if _sqlite_code(error) == sqlite3.SQLITE_ERROR:
        return False
    return isinstance(error, _UNAVAILABLE) or error.connection_invalidated


def _reason(error: Exception) -> str:
    """Say what the driver said, in one line, without the statement or its values."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
