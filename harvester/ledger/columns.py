"""What all tables of the ledger are made with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, ColumnElement, Index, Integer, MetaData, literal_column, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def required(name: str, kind: Any, **options: Any) -> Column[Any]:
    """Make a column that is never NULL."""
    return Column(name, kind, nullable=False, **options)


def count(name: str) -> Column[Any]:
    """Make a column that counts from 0."""
    return Column(name, Integer, nullable=False, default=0, server_default="0")


def fixed(column: Column[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Say that a column is one of these words of ours. They stand in the statement itself: SQLAlchemy would
    else write it anew for each execution.
    """
    return column.in_([literal_column(f"'{value}'") for value in values])


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index over some of a table's rows, on either database."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
