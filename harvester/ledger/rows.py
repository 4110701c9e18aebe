"""What is the same for every table: rows to records, and inserts that lose a race quietly."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Row, Table
from sqlalchemy.dialects import postgresql, sqlite

from harvester.ledger.database import Tx

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def as_record(kind: type[R], row: Row[Any], /, **converted: Any) -> R:
    """Build the frozen record `kind` from the columns of the same names; `converted` has the others."""
    found = row._mapping
    values = {f.name: found[f.name] for f in fields(kind) if f.name not in converted}
    return kind(**values, **converted)


def upsert(tx: Tx, table: Table) -> Any:
    """Give an INSERT whose ON CONFLICT clause both databases understand."""
    return sqlite.insert(table) if tx.on_sqlite else postgresql.insert(table)


def insert_unless_there(tx: Tx, table: Table, **values: Any) -> bool:
    """Insert one row unless a constraint says that it is there already. True for the one caller who won."""
    statement = upsert(tx, table).values(**values).on_conflict_do_nothing()
    # Not by rowcount, which SQLAlchemy does not keep for an INSERT: on PostgreSQL it is -1.
    return tx.execute(statement.returning(*table.primary_key)).first() is not None
