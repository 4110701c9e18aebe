"""Schemas of bases that have all we need, for tests to damage."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from harvester.airtable_schema import CLIENT, MASTER, Column, Field, Kind, Schema, Table, TableSpec

MASTER_BASE = "appMaster00000001"
CLIENT_BASE = "appClient00000001"
#: One type that does for each kind.
TYPES = {
    Kind.TEXT: "singleLineText",
    Kind.LONG_TEXT: "multilineText",
    Kind.URL: "url",
    Kind.NUMBER: "number",
    Kind.MOMENT: "dateTime",
    Kind.CHOICE: "singleSelect",
    Kind.LINK: "multipleRecordLinks",
    Kind.COMPUTED: "formula",
}


def perfect(base: str, specs: Sequence[TableSpec]) -> Schema:
    """Give the schema of a base that lacks nothing."""
    numbers = itertools.count(1)
    tables: dict[str, Table] = {}
    for spec in specs:
        fields = [field_for(column, f"fld{next(numbers):014}", tables) for column in spec.columns]
        named = {field.name: field for field in fields}
        tables[spec.name] = Table(f"tbl{next(numbers):014}", spec.name, named)
    return Schema(base, tables)


def field_for(column: Column, field_id: str, tables: dict[str, Table]) -> Field:
    """Give a field that is as the column needs it."""
    linked = tables[column.links_to].id if column.links_to else None
    choices = column.choices if column.kind is Kind.CHOICE else ()
    return Field(field_id, column.name, TYPES[column.kind], choices, linked)


def master() -> Schema:
    """Give a perfect master base."""
    return perfect(MASTER_BASE, MASTER)


def client() -> Schema:
    """Give a perfect base of a client."""
    return perfect(CLIENT_BASE, CLIENT)


def with_field(schema: Schema, table: str, field: Field) -> Schema:
    """Put a field in the place of the one of its name, or beside the others."""
    changed = replace(schema.tables[table], fields={**schema.tables[table].fields, field.name: field})
    return replace(schema, tables={**schema.tables, table: changed})


def without_field(schema: Schema, table: str, name: str) -> Schema:
    """Take a field away."""
    fields = {other: field for other, field in schema.tables[table].fields.items() if other != name}
    return replace(schema, tables={**schema.tables, table: replace(schema.tables[table], fields=fields)})


def without_table(schema: Schema, name: str) -> Schema:
    """Take a table away."""
    return replace(schema, tables={other: table for other, table in schema.tables.items() if other != name})
