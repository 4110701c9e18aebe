"""All rows of one ledger in another, whichever databases the two are on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, func, insert, inspect, literal, null, select, text, update
from sqlalchemy.exc import DataError, IntegrityError

from harvester.errors import HarvesterError
from harvester.ledger import post_index
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, metadata
from harvester.ledger.types import Utc
from harvester.models import ActorRunState

#: Rows that are in memory at once. A post's text may have a million characters.
_CHUNK: Final = 200

#: States in which whoever worked on the ledger that was copied may have sent a start since.
_PERHAPS_STARTED: Final = (ActorRunState.PLANNED, ActorRunState.STARTING, ActorRunState.START_UNKNOWN)

#: Is told how many rows, or bytes, of how many are done.
Progress = Callable[[int, int], None]
Chunk = tuple[Table, list[dict[str, Any]]]


class CannotHold(HarvesterError):
    """The other database refuses a row."""


class RowsDiffer(HarvesterError):
    """A copy has other rows than what it was copied from."""


def counts(tx: Tx) -> dict[str, int]:
    """Count the rows of each table."""
    return {str(table.name): _count(tx, table) for table in metadata.sorted_tables}


def _count(tx: Tx, table: Table) -> int:
    return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def is_empty(tx: Tx) -> bool:
    """Say whether the ledger has no row, or not even tables."""
    there = set(inspect(tx.connection).get_table_names())
    return not any(
        tx.execute(select(literal(1)).select_from(table).limit(1)).first()
        for table in metadata.sorted_tables
        if table.name in there
    )


def exclude_others(tx: Tx) -> None:
    """Let nobody else write to the ledger until the end of `tx`, which itself will. They can still read."""
    if not tx.on_sqlite:
        names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
        tx.execute(text(f"lock table {names} in exclusive mode"))


def copy(source: Tx, target: Tx, progress: Progress = lambda done, total: None) -> dict[str, int]:
    """Copy every row into a ledger without rows. Returns how many of each table there are now.

    Raises `CannotHold`, such as for a NUL in a text, which SQLite keeps and PostgreSQL does not.
    """
    total, done = sum(counts(source).values()), 0
    for table, part in _chunks(source):
        _insert(target, table, part)
        done += len(part)
        progress(done, total)
    _number_on(target)
    post_index.rebuild(target)
    return counts(target)


def require_same(expected: dict[str, int], found: dict[str, int]) -> None:
    """Raise `RowsDiffer` unless each table of a copy has as many rows as that which was copied."""
    wrong = [
        f"{name} has {found[name]:,} rows instead of {count:,}"
        for name, count in expected.items()
        if found[name] != count
    ]
    if wrong:
        raise RowsDiffer(f"the copy is not whole: {', '.join(wrong)}")


def _chunks(tx: Tx) -> Iterator[Chunk]:
    """Give all rows, those first that others refer to."""
    for table in metadata.sorted_tables:
        in_order = select(table).order_by(*table.primary_key).execution_options(yield_per=_CHUNK)
        for part in tx.execute(in_order).mappings().partitions():
            yield table, [dict(row) for row in part]


def _insert(tx: Tx, table: Table, part: list[dict[str, Any]]) -> None:
    try:
        tx.execute(insert(table), part)
    except (DataError, IntegrityError) as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise CannotHold(f"a row of {table.name} cannot be stored in this database: {reason}") from error


def _number_on(tx: Tx) -> None:
    """Let new rows get numbers behind those that were copied. SQLite looks for the greatest by itself."""
    if tx.on_sqlite:
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            following = func.coalesce(func.max(column), 0) + 1
            tx.execute(select(func.setval(sequence, following, False)).select_from(table))


def hand_over(tx: Tx, *, taken_at: datetime, search_at: datetime) -> int:
    """Make the actor runs of a ledger that was copied at `taken_at` fit for other processes to go on with.

    Nobody holds a row or has queued it. What was planned then, or searched for, may have been started since:
    each is searched for until `search_at` at the least before it may be started. Its attempt counts, so that
    a start's webhook that comes later still is one of ours. Returns how many those are.
    """
    tx.execute(update(actor_runs).values(lease_owner=null(), lease_until=null(), queued_until=null()))
    perhaps_started = update(actor_runs).where(actor_runs.c.state.in_(_PERHAPS_STARTED))
    searched_for = perhaps_started.values(
        state=ActorRunState.START_UNKNOWN,
        attempt=actor_runs.c.attempt + 1,
        start_requested_at=func.coalesce(actor_runs.c.start_requested_at, literal(taken_at, Utc)),
        search_until=search_at,
        next_check_at=search_at,
    )
    return tx.execute(searched_for).rowcount
