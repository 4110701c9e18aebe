"""Many new rows at once, as the driver takes them: without what SQLAlchemy does for each row of a statement.

Only for rows that are new: whoever inserts knows, by a lock or an ID of its own, that no other has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Dialect, Table, func, select, text
from sqlalchemy.exc import DBAPIError

from harvester.ledger.database import Tx
from harvester.ledger.types import Utc

Row = Sequence[Any]
_Convert = Callable[[Any], Any]

#: Many rows have few different times: so many are converted once.
_MOST_REMEMBERED: Final = 1_000


def new_ids(tx: Tx, table: Table, count: int) -> Sequence[int]:
    """Give so many IDs that nobody else will use, ascending."""
    if tx.on_sqlite:  # whose only writer this is
        first = tx.execute(select(func.coalesce(func.max(table.c.id), 0) + 1)).scalar_one()
        return range(first, first + count)
    numbers = text("select nextval(pg_get_serial_sequence(:name, 'id')) from generate_series(1, :count)")
    return sorted(tx.execute(numbers.bindparams(name=table.name, count=count)).scalars())


def insert(tx: Tx, table: Table, columns: tuple[str, ...], rows: Iterable[Row]) -> None:
    """Insert new rows, each with a value for every one of `columns`.

    Raises what any statement raises; `sqlalchemy.exc.IntegrityError` if a row is there already.
    """
    began = time.monotonic()
    dialect = tx.connection.dialect
    converted = [list(row) for row in rows]
    if not converted:
        return
    for at, convert in _converts(table, columns, dialect):
        for row in converted:
            row[at] = convert(row[at])
    names = ", ".join(columns)
    if tx.on_sqlite:
        holders = ", ".join("?" * len(columns))
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({holders})"  # noqa: S608  # nosec B608 # our own names
        tx.connection.exec_driver_sql(statement, [tuple(row) for row in converted])  # lists it would not take
    else:
        _copy(tx, f"COPY {table.name} ({names}) FROM STDIN", converted)
    tx.noticed(began)


def _copy(tx: Tx, statement: str, rows: Sequence[Row]) -> None:
    """Stream the rows to PostgreSQL. Of all ways in, this one costs the server least."""
    driver: Any = tx.connection.connection.driver_connection
    with _told_as_sqlalchemy_does(tx, statement), driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def _told_as_sqlalchemy_does(tx: Tx, statement: str) -> Any:
    """Let the driver's errors be those that a transaction knows, without the values."""
    dialect = tx.connection.dialect
    errors = dialect.loaded_dbapi.Error
    try:
        yield
    except errors as error:
        told = DBAPIError.instance(statement, None, error, errors, hide_parameters=True, dialect=dialect)
        if dialect.is_disconnect(error, None, None):
            tx.connection.invalidate(error)
        raise told from error


@lru_cache(maxsize=32)
def _converts(table: Table, columns: tuple[str, ...], dialect: Dialect) -> list[tuple[int, _Convert]]:
    """Say which of these columns' values become something else for the driver, and how."""
    found: list[tuple[int, _Convert]] = []
    for at, name in enumerate(columns):
        kind = table.c[name].type
        convert = kind.dialect_impl(dialect).bind_processor(dialect)
        if convert is not None:
            remembers = isinstance(kind, Utc)
            found.append((at, lru_cache(_MOST_REMEMBERED)(convert) if remembers else convert))
    return found
