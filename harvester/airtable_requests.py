"""What Airtable is sent: field IDs for names, and nothing that would become more than one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from harvester.airtable_answers import required_id
from harvester.airtable_errors import UnknownField
from harvester.airtable_schema import Table

#: Airtable writes so many records at once; pyairtable cuts more into several requests, and tells of none
#: what was done when one fails.
MOST_WRITTEN: Final = 10
#: The ID of a record, if it is known, and cells by field names.
Change = tuple[str | None, Mapping[str, Any]]


def options_of(
    table: Table,
    fields: Sequence[str],
    formula: str | None,
    sort: Sequence[str],
    max_records: int | None,
    page_size: int,
) -> dict[str, Any]:
    """Give the options of a list, as pyairtable names them. Raises `UnknownField`."""
    if not fields:
        raise ValueError("say which fields: Airtable takes none for all")
    given = {"formula": formula, "max_records": max_records, "sort": [_sorting(table, name) for name in sort]}
    return {
        "fields": [id_of(table, name) for name in fields],
        "page_size": page_size,
        "use_field_ids": True,
        **{option: value for option, value in given.items() if value},
    }


def _sorting(table: Table, name: str) -> str:
    return f"-{id_of(table, name[1:])}" if name.startswith("-") else id_of(table, name)


def sendable(
    table: Table, merge: str | None, changes: Sequence[Change]
) -> list[tuple[str | None, dict[str, Any]]]:
    """Give the changes with field IDs for names. Raises `UnknownField`, and `ValueError` for what would not
    be one request, or changes a record twice.
    """
    if not 0 < len(changes) <= MOST_WRITTEN:
        raise ValueError(f"a write takes 1 to {MOST_WRITTEN} records, not {len(changes)}")
    sent = [
        (
            required_id("rec", record_id) if record_id is not None else None,
            {id_of(table, name): value for name, value in fields.items()},
        )
        for record_id, fields in changes
    ]
    if any(record_id is None and fields.get(merge or "") in (None, "") for record_id, fields in changes):
        raise ValueError("a record without an ID needs a value of the field to merge on")
    keys = [record_id or str(fields[merge or ""]) for record_id, fields in changes]
    if len(set(keys)) < len(keys):
        raise ValueError("one write changes each record once")
    return sent


def id_of(table: Table, name: str) -> str:
    """Give the ID of a field. Raises `UnknownField`."""
    field = table.field(name)
    if field is None:
        raise UnknownField(name, f"the table {table.name} has no field {name!r}")
    return required_id("fld", field.id)
