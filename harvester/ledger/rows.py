"""What is the same for every table: rows to records, and inserts that lose a race quietly."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import ARRAY, ColumnElement, Row, Table, any_, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from harvester.ledger import json_columns
from harvester.ledger.database import Tx

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")


def as_record(kind: type[R], row: Row[Any], /, **converted: Any) -> R:
    """Build the frozen record `kind` from the columns of the same names; `converted` has the others."""
    found = row._mapping
    return kind(**{name: found[name] for name in _names(kind) if name not in converted}, **converted)


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind))


def among(tx: Tx, column: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Say that a column is one of these values, however many: they are one parameter."""
    if tx.on_sqlite:
        each = func.json_each(json_columns.written(list(values))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(values), ARRAY(column.type)))


def upsert(tx: Tx, table: Table) -> Any:
    """Give an INSERT whose ON CONFLICT clause both databases understand."""
    return sqlite.insert(table) if tx.on_sqlite else postgresql.insert(table)


def insert_unless_there(tx: Tx, table: Table, **values: Any) -> bool:
    """Insert one row unless a constraint says that it is there already. True for the one caller who won."""
    # Not by rowcount, which SQLAlchemy does not keep for an INSERT: on PostgreSQL it is -1.
    return tx.execute(_unless_there(table, on_sqlite=tx.on_sqlite), values).first() is not None


@cache
def _unless_there(table: Table, *, on_sqlite: bool) -> Any:
    statement = sqlite.insert(table) if on_sqlite else postgresql.insert(table)
    return statement.on_conflict_do_nothing().returning(*table.primary_key)
