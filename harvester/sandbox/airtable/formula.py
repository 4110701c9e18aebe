"""Formulas over records: read once for a table, computed for each record."""

from datetime import datetime
from typing import Any

from harvester.sandbox.airtable.cells import read_moment
from harvester.sandbox.airtable.field_types import LINK, Field
from harvester.sandbox.airtable.formula_functions import FIELD_FUNCTIONS, FUNCTIONS
from harvester.sandbox.airtable.formula_parser import Expression, Parser
from harvester.sandbox.airtable.formula_values import ERROR, Value, kept, text
from harvester.sandbox.airtable.model import Record, Table
from harvester.sandbox.clock import iso

#: Formula fields that refer to formula fields: deeper than this is a circle.
_DEEPEST = 8


class Formula:
    """A compiled formula."""

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def value(self, table: Table, record: Record, depth: int = 0) -> Value:
        """What it comes to for a record."""
        return ERROR if depth > _DEEPEST else self._expression(_Row(table, record, depth))

    def keeps(self, table: Table, record: Record) -> bool:
        """Whether a filter by it keeps the record."""
        return kept(self.value(table, record))


def filter_formula(formula: str, table: Table) -> Formula:
    """What `filterByFormula` says. Raises `ApiError` 422 for anything that is not certain."""
    return Formula(Parser(formula, _names(table), FUNCTIONS).parse())


def field_formula(formula: str, table: Table) -> Formula:
    """The formula of a formula field. Raises `ApiError` 422."""
    return Formula(Parser(formula, _names(table), FIELD_FUNCTIONS).parse())


def as_cell(value: Value) -> Any:
    """What a formula field shows in an answer; None: nothing."""
    if isinstance(value, datetime):
        return iso(value)
    if value is ERROR:
        return {"error": ERROR.value}
    return None if value == "" else int(value) if isinstance(value, bool) else value


def _names(table: Table) -> dict[str, str]:
    by_name = {field.name: field.id for field in table.fields.values()}
    return by_name | {field_id: field_id for field_id in table.fields}


class _Row:
    def __init__(self, table: Table, record: Record, depth: int) -> None:
        self._table, self._record, self._depth = table, record, depth

    def cell(self, field_id: str) -> Value:
        field = self._table.fields.get(field_id)
        return ERROR if field is None else _cell(self._table, self._record, field, self._depth)

    def record_id(self) -> str:
        return self._record.id

    def created_at(self) -> Value:
        return self._record.created_at


def _cell(table: Table, record: Record, field: Field, depth: int) -> Value:
    if isinstance(field.formula, Formula):
        return field.formula.value(table, record, depth + 1)
    if field.type == "autoNumber":
        return record.number
    if field.type == "createdTime":
        return record.created_at
    held = record.cells.get(field.id)
    if held is None:
        return None
    if field.type in ("date", "dateTime"):
        return read_moment(held, "utc")
    if field.type == LINK:
        return ", ".join(_name(table, field, one, depth) for one in held)
    return ", ".join(held) if isinstance(held, list) else held


def _name(table: Table, link: Field, record_id: str, depth: int) -> str:
    other = table.base.tables[link.options["linkedTableId"]]
    name = text(_cell(other, other.records[record_id], other.primary, depth + 1))
    return name if isinstance(name, str) else ""
