"""Whole ledgers, with rows in every table: anything that the tables let through."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from factories import NOW
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    insert,
    select,
)

from harvester.ledger import Ledger, post_index
from harvester.ledger.tables import metadata
from harvester.ledger.types import Id, Utc
from harvester.models import ActorRunState, DeliveryOutcome
from harvester.normalise.text import clean_json

Rows = dict[str, list[dict[str, Any]]]
TABLES = metadata.sorted_tables

#: What both databases hold and the product lets in: any text but NUL and half characters.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TIMES = st.datetimes(timezones=st.just(UTC)) | st.just(NOW)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
).map(clean_json)
_STATES = st.sampled_from([state.value for state in ActorRunState])
_OUTCOMES = st.sampled_from([outcome.value for outcome in DeliveryOutcome])
_MEANINGFUL = {
    ("actor_runs", "state"): _STATES,
    ("actor_runs", "attempt"): st.integers(0, 5),
    ("deliveries", "outcome"): _OUTCOMES,
}


@st.composite
def whole_ledgers(
    draw: st.DrawFn, meant: Mapping[tuple[str, str], st.SearchStrategy[Any]] | None = None
) -> Rows:
    """Give rows for every table that keep its rules; `meant` says what some columns are to hold."""
    made: Rows = {}
    for table in TABLES:
        keys: set[tuple[Any, ...]] = set()
        made[table.name] = []
        for number in range(draw(st.integers(0, 3))):
            row = {
                column.name: _value(draw, column, number, made, {**_MEANINGFUL, **(meant or {})})
                for column in table.c
                if all(made[key.column.table.name] for key in column.foreign_keys)
            }
            key = tuple(row.get(column.name) for column in table.primary_key)
            if len(row) == len(table.c) and key not in keys:
                keys.add(key)
                made[table.name].append(row)
    return made


def _value(
    draw: st.DrawFn, column: Column[Any], number: int, made: Rows, meant: Mapping[Any, st.SearchStrategy[Any]]
) -> Any:
    for key in column.foreign_keys:
        return draw(st.sampled_from(made[key.column.table.name]))[key.column.name]
    named = meant.get((column.table.name, column.name))
    if named is not None:
        return draw(named)
    if column.nullable and draw(st.booleans()):
        return None
    value = draw(_of_kind(column))
    if _must_differ(column):
        if isinstance(value, datetime):
            return value.replace(microsecond=number)
        return f"{number}:{value}"[:13] if isinstance(value, str) else value * 4 + number  # job_runs.run_id
    return value


def _of_kind(column: Column[Any]) -> st.SearchStrategy[Any]:
    kind = column.type
    if isinstance(kind, Utc):
        return TIMES
    if isinstance(kind, Boolean):
        return st.booleans()
    if kind is Id:
        return st.integers(1, 2**60)
    if isinstance(kind, BigInteger):
        return st.integers(-(2**63), 2**63 - 1)
    if isinstance(kind, Integer):
        return st.integers(-(2**28), 2**28)
    if isinstance(kind, LargeBinary):
        return st.binary(max_size=20)
    return _JSON if isinstance(kind, JSON) else TEXT


def _must_differ(column: Column[Any]) -> bool:
    table: Table = column.table
    rules = (rule.columns for rule in table.constraints if isinstance(rule, UniqueConstraint))
    indexes = (index.columns for index in table.indexes if index.unique)
    return column in set(itertools.chain(table.primary_key, *rules, *indexes))


def store(ledger: Ledger, rows: Rows) -> None:
    """Put rows into a ledger that has none."""
    with ledger.write() as tx:
        for table in TABLES:
            if rows[table.name]:
                tx.execute(insert(table), rows[table.name])
        post_index.rebuild(tx)


def all_rows(ledger: Ledger) -> Rows:
    """Give everything that a ledger holds, in the order of its keys."""
    with ledger.read() as tx:
        return {
            table.name: [
                dict(row) for row in tx.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in TABLES
        }
