"""Tables and fields that people have renamed: known by their IDs, they go on under the names that we know."""

from __future__ import annotations

from dataclasses import replace

from harvester.airtable_schema.columns import ALL_TABLES
from harvester.airtable_schema.schema import Field, Schema, Table


def with_known_names(known: Schema, found: Schema) -> Schema:
    """Give a base as it is, and what is there under another name than before under its old one too.

    Only what we need, and unless something else has that name by now.
    """
    tables = {name: _with_known_fields(known, table) for name, table in found.tables.items()}
    by_id = {table.id: table for table in tables.values()}
    for before in known.tables.values():
        now = by_id.get(before.id)
        if now is not None and before.name in ALL_TABLES and before.name not in tables:
            tables[before.name] = _with_known_fields(known, replace(now, name=before.name, now=now.name))
    return Schema(found.base, tables)


def _with_known_fields(known: Schema, table: Table) -> Table:
    same = [one for one in known.tables.values() if one.id == table.id]
    before = next((one for one in same if one.name == table.name), same[0] if same else None)
    spec = ALL_TABLES.get(table.name)
    if before is None or spec is None:
        return table
    ours = {column.name for column in spec.columns}
    by_id = {field.id: field for field in table.fields.values()}
    fields: dict[str, Field] = dict(table.fields)
    for old in before.fields.values():
        now = by_id.get(old.id)
        if now is not None and old.name in ours and old.name not in fields:
            fields[old.name] = replace(now, name=old.name, now=now.name)
    return replace(table, fields=fields)


def changes(known: Schema, found: Schema) -> list[str]:
    """Tell of tables and fields that are gone, or have another name than before."""
    told = []
    by_id = {table.id: table for table in found.tables.values()}
    for before in known.tables.values():
        now = by_id.get(before.id)
        if now is None:
            told.append(f"table {before.name} is gone")
            continue
        if now.name != (before.now or before.name):
            told.append(f"table {before.name} is now called {now.name}")
        names = {field.id: field.name for field in now.fields.values()}
        told += [_told(field, names.get(field.id), now.name) for field in _changed(before, names)]
    return told


def _changed(before: Table, names: dict[str, str]) -> list[Field]:
    """Give the fields whose name is another one by now; one that goes on under an old name counts once."""
    aliases = {field.id for field in before.fields.values() if field.now is not None}
    return [
        field
        for field in before.fields.values()
        if names.get(field.id) != (field.now or field.name) and (field.now or field.id not in aliases)
    ]


def _told(field: Field, now: str | None, table: str) -> str:
    if now is None:
        return f"field {field.name} of {table} is gone"
    return f"field {field.name} of {table} is now called {now}"
