"""What is sent of an outbox row: the cells that differ from what Airtable was sent last."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from harvester.airtable_schema import COMPUTED, NOT_WRITABLE, Cell, Field, Table, TableSpec, adapt, fits
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import STATUS, Owed, Sent

#: Records that one request takes.
AT_ONCE: Final = 10
_FIELD: Final = re.compile(r'[Ff]ield "([^"]+)"')
_VALUE_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class Prepared:
    """One row as it is to be sent: cells by field name, and digests of all that Airtable has then.

    `unoffered` are choices that fields do not offer, by field name: they are left out.
    """

    row: Owed
    cells: Mapping[str, Cell]
    digests: Mapping[str, str]
    unoffered: Mapping[str, str]

    def sent(self, record_id: str | None) -> Sent:
        """Say that it was sent, and which record shows it."""
        told = self.row.kind is Kind.LEAD and STATUS in self.cells
        return Sent(self.row, self.digests, record_id, str(self.cells[STATUS] or "") if told else None)


def prepare(row: Owed, values: Mapping[str, Any], table: Table, spec: TableSpec) -> Prepared:
    """Give what is to be sent of a row. What the table has no field for, or an unfit one, is left out.

    The status of a lead is always sent: people change it as well, and it may have come back to what it was.
    """
    known = row.sent or {}
    cells: dict[str, Cell] = {}
    digests = dict(known)
    unoffered: dict[str, str] = {}
    for column in spec.columns:
        field = table.field(column.name)
        if not column.written or column.name not in values or field is None:
            continue
        cell = adapt(values[column.name], field, column)
        if cell is NOT_WRITABLE and field.type == "singleSelect":
            unoffered[column.name] = str(values[column.name])
        if cell is NOT_WRITABLE or (_is_empty(cell) and column.name not in known):
            continue
        digests[column.name] = _digest(field, cell)
        always = row.kind is Kind.LEAD and column.name == STATUS
        if always or known.get(column.name) != digests[column.name]:
            cells[column.name] = cell
    return Prepared(row, cells, digests, unoffered)


def batches(rows: Sequence[Prepared]) -> list[list[Prepared]]:
    """Put rows into requests of ten; those that Airtable refused before go alone."""
    good = [row for row in rows if row.row.state is not State.PARKED]
    alone = [[row] for row in rows if row.row.state is State.PARKED]
    return [*(good[start : start + AT_ONCE] for start in range(0, len(good), AT_ONCE)), *alone]


def key_problem(table: Table, spec: TableSpec) -> str | None:
    """Say why records of a table could not be found again; None if they can."""
    if spec.merge is None:
        return None
    field = table.field(spec.merge)
    if field is not None and fits(spec.column(spec.merge), field.type):
        return None
    wrong = "is missing" if field is None else f"is of type {field.type}"
    return f"column {spec.merge} of {table.name} {wrong}"


def left_out(table: Table | None, spec: TableSpec) -> list[str]:
    """Name the columns that a table should show, and lacks, or computes itself."""
    if table is None:
        return []
    wanted = [column.name for column in spec.columns if column.written and not column.optional]
    fields = {name: table.field(name) for name in wanted}
    return [name for name, field in fields.items() if field is None or field.type in COMPUTED]


def _is_empty(cell: object) -> bool:
    """Say whether an empty cell means the same."""
    return cell is None or cell == "" or cell == []


def _digest(field: Field, cell: object) -> str:
    """Give a digest by which a cell of another field of the same name, made anew, is another one."""
    return hashlib.sha256(orjson.dumps([field.id, cell])).hexdigest()[:12]


def is_about_a_field(told: str) -> bool:
    """Say whether Airtable refuses something for a field, or for a choice that its field does not offer."""
    return _FIELD.search(told) is not None or "select option" in told


def named(told: str, cells: Mapping[str, Cell]) -> str:
    """Say what Airtable said of a row, with the value of the field that it names."""
    found = _FIELD.search(told)
    if found is None or found[1] not in cells:
        return told
    return f"{told} (the value was {str(cells[found[1]])[:_VALUE_CHARS]!r})"
