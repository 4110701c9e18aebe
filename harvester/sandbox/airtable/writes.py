"""Creating, changing, merging, deleting: first everything is checked, then everything is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harvester.sandbox.airtable.cells import Writer
from harvester.sandbox.airtable.errors import (
    bad_request,
    base_full,
    invalid,
    no_such_row,
    unknown_field,
)
from harvester.sandbox.airtable.field_types import COMPUTED, MERGED, Field
from harvester.sandbox.airtable.model import Cells, Record, Table

#: Most records of one write.
MOST = 10


@dataclass
class Step:
    """One record of a write: the row it changes (None: a new one) and what it sets."""

    record: Record | None
    cells: Cells


@dataclass
class Plan:
    """A write that was found to be in order."""

    table: Table
    steps: list[Step]
    new_choices: list[tuple[Field, str]]

    def check_room(self, limit: int | None) -> None:
        """Raises `ApiError` 422 when the base would hold too many records."""
        new = sum(step.record is None for step in self.steps)
        if limit is not None and new and self.table.base.size() + new > limit:
            raise base_full()

    def carry_out(self) -> list[tuple[Record, bool]]:
        """Do it. Gives each record, and whether it is new."""
        for step in self.steps:
            if step.record is not None and step.record.id not in self.table.records:
                raise no_such_row(step.record.id)
        for field, name in self.new_choices:
            if name not in field.choices():
                field.add_choice(name)
        return [self._carry_out(step) for step in self.steps]

    def _carry_out(self, step: Step) -> tuple[Record, bool]:
        if step.record is None:
            return self.table.insert(_without_none(step.cells)), True
        self.table.change(step.record, step.cells)
        return step.record, False


def row_list(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records of a body. Raises `ApiError` 422."""
    rows = body.get("records")
    ok = isinstance(rows, list) and 1 <= len(rows) <= MOST and all(isinstance(row, dict) for row in rows)
    if not ok or not all(isinstance(row.get("fields"), dict) for row in rows or []):
        told = "You must provide an array of up to 10 record objects, each with"
        raise invalid("INVALID_RECORDS", f'{told} an "id" ID field and a "fields" object for cell values.')
    return list(rows or [])


def plan_creation(table: Table, rows: Sequence[Mapping[str, Any]], *, typecast: bool) -> Plan:
    """New records. Raises `ApiError` 422."""
    writer = Writer(table.base, typecast=typecast)
    if any("id" in row for row in rows):
        raise bad_request("a new record has no id")
    return Plan(table, [Step(None, _cells(table, writer, row["fields"])) for row in rows], writer.new_choices)


def plan_update(table: Table, rows: Sequence[Mapping[str, Any]], *, typecast: bool, replace: bool) -> Plan:
    """Changes by record ID; `replace` empties all other cells. Raises `ApiError`."""
    writer = Writer(table.base, typecast=typecast)
    steps = [_by_id(table, writer, row, replace=replace) for row in rows]
    _check_once(steps)
    return Plan(table, steps, writer.new_choices)


def plan_upsert(
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    merge_on: Any,
    *,
    typecast: bool,
    replace: bool,
) -> Plan:
    """Changes by record ID or by what the merge fields hold; without a match, new ones. Raises `ApiError`."""
    writer = Writer(table.base, typecast=typecast)
    keys = _merge_fields(table, merge_on)
    steps = [
        _by_id(table, writer, row, replace=replace)
        if "id" in row
        else _by_key(table, writer, row, keys, replace=replace)
        for row in rows
    ]
    _check_once(steps)
    _check_keys(steps, keys)
    return Plan(table, steps, writer.new_choices)


def person_cells(table: Table, fields: Mapping[str, Any]) -> Cells:
    """What a person typed, by field name. Raises `ApiError` 422."""
    return _cells(table, Writer(table.base, typecast=False), fields)


def _cells(table: Table, writer: Writer, fields: Mapping[str, Any]) -> Cells:
    found = {name: table.field(name) for name in fields}
    for name, field in found.items():
        if field is None:
            raise unknown_field(name)
    pairs = [(field, fields[name]) for name, field in found.items() if field is not None]
    if len({field.id for field, _ in pairs}) != len(pairs):
        raise bad_request("a field is named twice")
    return {field.id: writer.parse(field, value) for field, value in pairs}


def _by_id(table: Table, writer: Writer, row: Mapping[str, Any], *, replace: bool) -> Step:
    if "id" not in row:
        raise bad_request("a record without id")
    record = table.records.get(str(row["id"]))
    if record is None:
        raise no_such_row(str(row["id"]))
    return Step(record, _replacing(table, _cells(table, writer, row["fields"]), replace=replace))


def _by_key(
    table: Table, writer: Writer, row: Mapping[str, Any], keys: tuple[str, ...], *, replace: bool
) -> Step:
    cells = _cells(table, writer, row["fields"])
    if any(key not in cells for key in keys):
        raise bad_request("a merge field is missing")
    matching = table.matching(keys, cells)
    if len(matching) > 1:
        raise invalid("INVALID_VALUE_FOR_COLUMN", "Cannot update more than one record")
    return Step(matching[0], _replacing(table, cells, replace=replace)) if matching else Step(None, cells)


def _merge_fields(table: Table, merge_on: Any) -> tuple[str, ...]:
    names = merge_on.get("fieldsToMergeOn") if isinstance(merge_on, dict) else None
    if not isinstance(names, list) or not 1 <= len(names) <= 3:
        raise bad_request("fieldsToMergeOn")
    found = []
    for name in names:
        field = table.field(str(name))
        if field is None:
            raise unknown_field(str(name))
        if field.type in COMPUTED or field.type not in MERGED:
            raise bad_request(f"{field.name} cannot be merged on")
        found.append(field.id)
    return tuple(dict.fromkeys(found))


def _check_once(steps: list[Step]) -> None:
    changed = [step.record.id for step in steps if step.record is not None]
    if len(set(changed)) != len(changed):
        told = "You cannot update the same record multiple times in a single request."
        raise invalid("INVALID_RECORDS", told)


def _check_keys(steps: list[Step], keys: tuple[str, ...]) -> None:
    """What Airtable does with one new key twice in a request is not known; so nobody may send it."""
    new = [[step.cells[key] for key in keys] for step in steps if step.record is None]
    held = [repr(one) for one in new if None not in one]
    if len(set(held)) != len(held):
        raise bad_request("two records have the same merge key")


def _replacing(table: Table, cells: Cells, *, replace: bool) -> Cells:
    if not replace:
        return cells
    written = {field.id: None for field in table.fields.values() if field.type not in COMPUTED}
    return written | cells


def _without_none(cells: Cells) -> Cells:
    return {field_id: value for field_id, value in cells.items() if value is not None}
