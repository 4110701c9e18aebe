"""Making in Airtable what the metadata API can make: missing tables and fields. What exists is never changed.

Formulas, `Created time` fields, choices of a select field and types of fields are a person's to make or
change. Run again, it finds what is there by then, and makes the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from harvester.airtable_errors import AirtableError
from harvester.airtable_schema import ALL_TABLES, Column, Kind, Schema, Table, TableSpec
from harvester.airtable_schema.comparing import near
from services.airtable_check import Finding, Looked, SchemaOf


class Makes(Protocol):
    """What is asked of Airtable here, beside schemas."""

    def create_table(self, base: str, name: str, fields: Sequence[Mapping[str, Any]]) -> object:
        """Make a table. Raises `AirtableError`."""

    def create_field(
        self, base: str, table: Table, name: str, type: str, options: Mapping[str, Any] | None = None
    ) -> object:
        """Make a field. Raises `AirtableError`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to make: a table with these columns or, if it `adds`, one column to a table that exists."""

    base: str
    client_ids: tuple[str, ...]
    table: str
    columns: tuple[Column, ...]
    adds: bool = False

    def told(self) -> str:
        """Say what is made."""
        if self.adds:
            return f"field {self.table}.{self.columns[0].name} ({self.columns[0].kind})"
        return f"table {self.table} with {len(self.columns)} fields"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the API can make, in the order in which it must be made, and what a person must do."""

    steps: tuple[Step, ...]
    by_hand: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a step; `error` is empty if what it makes is there now."""

    step: Step
    error: str


def plan(bases: Iterable[Looked], rows: Iterable[Finding] = ()) -> Plan:
    """Plan what is missing in the bases. `rows`: what a person must put right in the table Clients."""
    steps: list[Step] = []
    by_hand = list(rows)
    for looked in bases:
        for finding in looked.findings:
            step = _step(looked, finding)
            if step is None:
                by_hand.append(finding)
                continue
            steps.append(step)
            if not step.adds:
                by_hand += _rest(finding, ALL_TABLES[step.table])
    return Plan(tuple(steps), tuple(by_hand))


def _step(looked: Looked, finding: Finding) -> Step | None:
    """Give the step that heals what was found, or None if only a person can."""
    if looked.schema is None or finding.table is None:
        return None
    if finding.code == "missing_table" and not near(finding.table, looked.schema.tables):
        columns = tuple(_columns(ALL_TABLES[finding.table]))
        return Step(looked.base, looked.client_ids, finding.table, columns)
    table = looked.schema.table(finding.table)
    if finding.code != "missing_field" or finding.field is None or table is None:
        return None
    column = ALL_TABLES[finding.table].column(finding.field)
    if column.by_hand or near(column.name, table.fields):
        return None
    return Step(looked.base, looked.client_ids, finding.table, (column,), adds=True)


def _columns(spec: TableSpec) -> Iterator[Column]:
    """Give what a new table gets: all that can be made and, as its first field, whatever names a row."""
    for place, column in enumerate(spec.columns):
        if not column.by_hand and (place == 0 or not column.optional):
            yield column


def _rest(finding: Finding, spec: TableSpec) -> Iterator[Finding]:
    """Give what a person must add to a table that is made."""
    for column in spec.columns:
        if column.by_hand:
            yield Finding(
                finding.base,
                finding.client_ids,
                spec.name,
                column.name,
                "missing_field",
                f"make {column.by_hand}",
                column.required,
            )


class AirtableSetup:
    """Carries a plan out, one step at a time."""

    def __init__(self, airtable: Makes, schema_of: SchemaOf) -> None:
        self._airtable = airtable
        self._schema_of = schema_of

    def __call__(self, steps: Iterable[Step]) -> Iterator[Outcome]:
        """Make one thing after the other, and tell of each. What fails keeps nothing else from being made.

        The outcomes have to be asked for: a step is carried out when its own is. What somebody else makes
        meanwhile counts as made, and so does what was made though its answer was lost.
        """
        known: dict[str, Schema] = {}
        for step in steps:
            yield Outcome(step, self._made(step, known))

    def _made(self, step: Step, known: dict[str, Schema]) -> str:
        try:
            schema = known.pop(step.base, None) or self._schema_of(step.base)
            if _there(schema, step):
                return ""
            self._make(schema, step)
            known[step.base] = self._schema_of(step.base)
        except AirtableError as error:
            return "" if self._made_after_all(step) else str(error)
        except _NotYet as error:
            return str(error)
        return ""

    def _make(self, schema: Schema, step: Step) -> None:
        if step.adds:
            table = schema.table(step.table)
            if table is None:
                raise _NotYet(f"there is no table {step.table} any more: run setup again")
            column = step.columns[0]
            self._airtable.create_field(step.base, table, column.name, *_made_as(column, schema))
            return
        # A link to a table that a person has to rename first is made when setup is run again.
        columns = [one for one in step.columns if not one.links_to or schema.table(one.links_to)]
        self._airtable.create_table(step.base, step.table, [_as_json(column, schema) for column in columns])

    def _made_after_all(self, step: Step) -> bool:
        try:
            return _there(self._schema_of(step.base), step)
        except AirtableError:
            return False


class _NotYet(Exception):
    """A step that has to wait for another."""


def _there(schema: Schema, step: Step) -> bool:
    table = schema.table(step.table)
    return table is not None and (not step.adds or table.field(step.columns[0].name) is not None)


def _as_json(column: Column, schema: Schema) -> dict[str, Any]:
    field_type, options = _made_as(column, schema)
    return {"name": column.name, "type": field_type} | ({"options": options} if options else {})


def _made_as(column: Column, schema: Schema) -> tuple[str, dict[str, Any]]:
    """Give type and options as the metadata API takes them. Raises `_NotYet` for a link to no table."""
    return _MADE_AS[column.kind](column, schema)


def _link(column: Column, schema: Schema) -> tuple[str, dict[str, Any]]:
    target = schema.table(column.links_to or "")
    if target is None:
        raise _NotYet(f"it links to the table {column.links_to}, which is not there: run setup again then")
    return "multipleRecordLinks", {"linkedTableId": target.id}


def _number(column: Column, schema: Schema) -> tuple[str, dict[str, Any]]:
    return "number", {"precision": _DECIMALS.get(column.name, 0)}


def _select(column: Column, schema: Schema) -> tuple[str, dict[str, Any]]:
    return "singleSelect", {"choices": [{"name": choice} for choice in column.choices]}


def _plain(field_type: str, options: dict[str, Any] | None = None) -> _Made:
    return lambda column, schema: (field_type, options or {})


_Made = Callable[[Column, Schema], tuple[str, dict[str, Any]]]
#: Decimals that are shown, of what is no whole number.
_DECIMALS: Final = {"Apify API Costs": 4}
_UTC_TIME: Final = {
    "dateFormat": {"name": "iso"},
    "timeFormat": {"name": "24hour"},
    "timeZone": "utc",
}
_MADE_AS: Final[dict[Kind, _Made]] = {
    Kind.TEXT: _plain("singleLineText"),
    Kind.LONG_TEXT: _plain("multilineText"),
    Kind.URL: _plain("url"),
    Kind.NUMBER: _number,
    Kind.MOMENT: _plain("dateTime", _UTC_TIME),
    Kind.CHOICE: _select,
    Kind.LINK: _link,
}
