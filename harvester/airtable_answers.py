"""What Airtable answers, checked and typed: nothing that its API does not describe gets further."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from harvester.airtable_errors import BadAnswer
from harvester.airtable_schema import Field, Schema, Table
from harvester.normalise.text import clean, clean_json

T = TypeVar("T")

_IDS: Final = {
    kind: re.compile(f"{kind}[A-Za-z0-9]{{14}}", re.ASCII) for kind in ("app", "tbl", "fld", "rec")
}


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a table. Airtable leaves empty cells out of `fields`, whose keys are names."""

    id: str
    fields: dict[str, Any]
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """One page of records, and where the next one begins."""

    records: list[Record]
    offset: str | None


@lru_cache(4_096)
def required_id(kind: str, value: str) -> str:
    """Give back an ID that may go into a URL: `app`, `tbl`, `fld` or `rec`. Raises `ValueError`."""
    if not _IDS[kind].fullmatch(value):
        raise ValueError(f"{value[:40]!r} is no ID of Airtable that begins with {kind}")
    return value


def schema_from(base: str, answer: Any) -> Schema:
    """Read the tables of a base. Raises `BadAnswer`."""
    tables = [table_from(table) for table in part_of(answer, "tables", list)]
    return Schema(base, {table.name: table for table in tables})


def table_from(value: Any) -> Table:
    """Read one table with its fields. Raises `BadAnswer`."""
    fields = [field_from(field) for field in part_of(value, "fields", list)]
    return Table(_id("tbl", value), _name(value), {field.name: field for field in fields})


def field_from(value: Any) -> Field:
    """Read one field. Raises `BadAnswer`."""
    options = value.get("options") if isinstance(value, dict) else None
    options = options if isinstance(options, dict) else {}
    choices = options.get("choices")
    linked = options.get("linkedTableId")
    return Field(
        id=_id("fld", value),
        name=_name(value),
        type=part_of(value, "type", str),
        choices=tuple(_name(choice) for choice in choices) if isinstance(choices, list) else (),
        linked_table=linked if isinstance(linked, str) else None,
    )


def listed_from(answer: Any, table: Table) -> Listed:
    """Read one page of a list that was asked for by field IDs. Raises `BadAnswer`."""
    names = {field.id: field.name for field in table.fields.values()}
    offset = answer.get("offset") if isinstance(answer, dict) else None
    if not isinstance(offset, str | None):
        raise BadAnswer("Airtable's list goes on at a place that is no text")
    return Listed(
        [_record_from(record, names) for record in part_of(answer, "records", list)], offset or None
    )


def ids_from(
    answer: Any, sent: Sequence[tuple[str | None, Mapping[str, Any]]], merge: str | None
) -> list[str]:
    """Give the record IDs that a write was answered with, in the order of what was `sent` by field IDs.

    What was sent with an ID is found by it, the rest by its value of the field `merge`; never by order alone.
    Raises `BadAnswer` unless every change is found, once.
    """
    answered = [
        (_id("rec", record), part_of(record, "fields", dict)) for record in part_of(answer, "records", list)
    ]
    by_id = {record_id for record_id, _ in answered}
    by_key = {str(fields.get(merge or "")): record_id for record_id, fields in answered}
    found = [
        by_key.get(str(fields.get(merge or ""))) if record_id is None else record_id
        for record_id, fields in sent
    ]
    ids = [record_id for record_id in found if record_id in by_id]
    if not len(answered) == len(sent) == len(ids) == len(set(ids)):
        raise BadAnswer("Airtable's answer does not match the records that were sent")
    return ids


def part_of(value: Any, key: str, kind: type[T]) -> T:
    """Give what is under `key`. Raises `BadAnswer` if it is not of this kind."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise BadAnswer(f"Airtable's answer has no {key} as its API describes it")
    return found


def _record_from(value: Any, names: Mapping[str, str]) -> Record:
    fields = part_of(value, "fields", dict)
    known = {names[key]: clean_json(cell) for key, cell in fields.items() if key in names}
    return Record(_id("rec", value), known, _moment(value.get("createdTime")))


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None


def _name(value: Any) -> str:
    return clean(part_of(value, "name", str))[0]


def _id(kind: str, value: Any) -> str:
    found = part_of(value, "id", str)
    if not _IDS[kind].fullmatch(found):
        raise BadAnswer(f"Airtable's answer has an ID that does not begin with {kind} or is too long")
    return found
