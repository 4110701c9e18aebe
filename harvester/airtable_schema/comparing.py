"""Where a base differs from what we need of it, in words for the person who can change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harvester.airtable_schema.columns import Column, Kind, TableSpec
from harvester.airtable_schema.field_types import COMPUTED, fits
from harvester.airtable_schema.schema import Field, Schema, Table

_POSTS: Final = "Posts"
_LEADS: Final = "Leads"
_POSTS_CONTENT: Final = "Posts Content"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that a base lacks, or has otherwise than we need it.

    `code` is `missing_table`, `missing_field`, `missing_choice`, `wrong_type` or `computed`; `told` says what
    to do. `required`: harvests or their records cannot do without; else what is wrong is left out, and
    everything else goes on.
    """

    base: str
    table: str
    field: str | None
    code: str
    told: str
    required: bool = False
    #: The choice that is missing.
    choice: str | None = None


def problems(schema: Schema, specs: Sequence[TableSpec]) -> list[Problem]:
    """List where `schema` differs from `specs`. Columns and tables that we do not know are nobody's business.

    A client's base needs either the table Posts or the column Posts Content in its Leads.
    """
    found: list[Problem] = []
    for spec in specs:
        table = schema.table(spec.name)
        if table is not None:
            found += _renamed_table(schema, table) + _compared(schema, table, spec)
        elif spec.name != _POSTS or not _keeps_content(schema):
            found.append(_missing_table(schema, spec))
    return found


def _renamed_table(schema: Schema, table: Table) -> list[Problem]:
    if table.now is None:
        return []
    told = f"it is called {table.now!r} now, and used all the same: name it {table.name!r} again"
    return [Problem(schema.base, table.name, None, "renamed", told, required=False)]


def _compared(schema: Schema, table: Table, spec: TableSpec) -> list[Problem]:
    return [problem for column in spec.columns for problem in _of_column(schema, table, column)]


def near(name: str, names: Iterable[str]) -> str | None:
    """Give the name that differs from `name` by capitals or blanks alone: Airtable tells them apart badly."""
    return next((other for other in names if other != name and _folded(other) == _folded(name)), None)


def _keeps_content(schema: Schema) -> bool:
    leads = schema.table(_LEADS)
    return leads is not None and leads.field(_POSTS_CONTENT) is not None


def _missing_table(schema: Schema, spec: TableSpec) -> Problem:
    other = near(spec.name, schema.tables)
    told = f"rename the table {other!r} to {spec.name!r}" if other else f"make a table {spec.name!r}"
    return Problem(schema.base, spec.name, None, "missing_table", told, spec.required)


def _of_column(schema: Schema, table: Table, column: Column) -> Iterator[Problem]:
    field = table.field(column.name)
    if field is None:
        if not column.optional:
            yield _problem(schema, table, column, "missing_field", _make(table, column))
        return
    if column.name == _POSTS_CONTENT and schema.table(_POSTS) is not None:
        return  # a base with Posts: whatever is in this column is left as it is
    if field.now is not None:
        told = f"it is called {field.now!r} now, and used all the same: name it {column.name!r} again"
        yield replace(_problem(schema, table, column, "renamed", told), required=False)
    wrong = _of_type(schema, field, column)
    if wrong:
        yield _problem(schema, table, column, *wrong)
    elif field.type == "singleSelect":
        yield from _of_choices(schema, table, field, column)


def _problem(schema: Schema, table: Table, column: Column, code: str, told: str) -> Problem:
    return Problem(schema.base, table.name, column.name, code, told, column.required)


def _of_type(schema: Schema, field: Field, column: Column) -> tuple[str, str] | None:
    """Give the code of what is wrong with a field's type, and what to do."""
    if column.written and field.type in COMPUTED:
        return "computed", f"it is of type {field.type}, which nobody can write: make it {_kind(column)}"
    if not fits(column, field.type):
        return "wrong_type", f"it is of type {field.type}: make it {_kind(column)}"
    if not _leads_there(schema, field, column):
        return "wrong_type", f"it leads to another table: make it {_kind(column)}"
    return None


def _of_choices(schema: Schema, table: Table, field: Field, column: Column) -> Iterator[Problem]:
    for choice in (choice for choice in column.choices if choice not in field.choices):
        instead = column.fallbacks.get(choice)
        told, required = f"add the choice {choice!r}", column.required
        if instead in field.choices:
            told, required = f"{told}; until then {instead!r} is written in its place", False
        yield Problem(schema.base, table.name, column.name, "missing_choice", told, required, choice)


def _make(table: Table, column: Column) -> str:
    other = near(column.name, table.fields)
    if other:
        return f"rename the field {other!r} to {column.name!r}"
    return f"make {column.by_hand or _kind(column)}"


def _kind(column: Column) -> str:
    if column.links_to:
        return f"a link to {column.links_to!r}"
    if column.kind is Kind.COMPUTED:
        return column.by_hand
    return f"a field of type {_TYPE_NAMES[column.kind]}"


def _leads_there(schema: Schema, field: Field, column: Column) -> bool:
    if column.links_to is None or field.linked_table is None:
        return True
    target = schema.table(column.links_to)
    return target is not None and target.id == field.linked_table


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


#: As Airtable's own menu names them.
_TYPE_NAMES: Final = {
    Kind.TEXT: "Single line text",
    Kind.LONG_TEXT: "Long text, without rich text formatting",
    Kind.URL: "URL",
    Kind.NUMBER: "Number",
    Kind.MOMENT: "Date, with a time",
    Kind.CHOICE: "Single select",
}
