"""Marks on records of Airtable that should not be there: nothing is ever deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from harvester.airtable_errors import RowGone
from harvester.airtable_schema import NOT_WRITABLE, Cell, Table, TableSpec, adapt
from services.mirror_duplicates import DUPLICATE

STATUS: Final = "Status"
NOTES: Final = "System Notes"
#: How the key of a duplicate begins in a table that has no status for it.
_MARKED_KEY: Final = f"{DUPLICATE} of "
#: Records that one request takes.
AT_ONCE: Final = 10


class Record(Protocol):
    """A record as the gateway gives it: its cells by the names of their columns, empty ones left out."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> dict[str, Any]: ...  # noqa: D102
    @property
    def created_at(self) -> datetime | None: ...  # noqa: D102


class Gateway(Protocol):
    """What is asked of Airtable. Raises `AirtableError`."""

    def pages(
        self, base: str, table: Table, *, fields: Sequence[str], formula: str | None = None
    ) -> Iterator[Sequence[Record]]:
        """Give a table's records, a page at a time."""

    def update(self, base: str, table: Table, changes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Change up to ten records by their IDs."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One duplicate: of which key, and which record is kept in its place."""

    record_id: str
    key: str
    kept: str


def is_marked(fields: Mapping[str, Any], merge: str) -> bool:
    """Say whether a record was marked as a duplicate."""
    return fields.get(STATUS) == DUPLICATE or str(fields.get(merge, "")).startswith(_MARKED_KEY)


def noted(old: object, told: str, now: datetime) -> str:
    """Give notes with a line added, that says when."""
    line = f"[{now:%Y-%m-%dT%H:%M:%SZ}] {told}"
    return f"{old}\n{line}" if old else line


def mark(
    gateway: Gateway,
    base: str,
    table: Table,
    spec: TableSpec,
    marks: Sequence[Mark],
    clock: Callable[[], datetime],
) -> list[str]:
    """Mark duplicates, unless they are marked or gone by now. Gives the IDs of the records changed.

    By the status, if the table has one for it, with a line in the notes; else by the key.
    """
    from harvester.airtable_formulas import records_are  # imports pyairtable, which takes long

    assert spec.merge is not None, "only what has a key of its own can be there twice"
    fields = [name for name in (spec.merge, STATUS, NOTES) if table.field(name)]
    done: list[str] = []
    for start in range(0, len(marks), AT_ONCE):
        by_id = {one.record_id: one for one in marks[start : start + AT_ONCE]}
        found = gateway.pages(base, table, fields=fields, formula=records_are(list(by_id)))
        changes = [
            (record.id, marking(table, spec, by_id[record.id], record.fields, clock()))
            for page in found
            for record in page
            if not is_marked(record.fields, spec.merge)
        ]
        done += changed(gateway, base, table, changes)
    return done


def marking(
    table: Table, spec: TableSpec, one: Mark, fields: Mapping[str, Any], now: datetime
) -> dict[str, Cell]:
    """Give the cells that mark one duplicate."""
    cells = writable(
        table,
        spec,
        {STATUS: DUPLICATE, NOTES: noted(fields.get(NOTES), f"Duplicate: {one.kept} is kept", now)},
    )
    if STATUS in cells:
        return cells
    assert spec.merge is not None, "only what has a key of its own can be there twice"
    return {spec.merge: f"{_MARKED_KEY}{one.key} ({one.kept})"}


def writable(table: Table, spec: TableSpec, values: Mapping[str, Any]) -> dict[str, Cell]:
    """Give those of these values that the table has a fit field for, as its cells take them."""
    cells: dict[str, Cell] = {}
    names = {column.name for column in spec.columns}
    for name, value in values.items():
        field = table.field(name)
        if field is None or name not in names:
            continue
        cell = adapt(value, field, spec.column(name))
        if cell is not NOT_WRITABLE:
            cells[name] = cell
    return cells


def changed(
    gateway: Gateway, base: str, table: Table, changes: Sequence[tuple[str, Mapping[str, Any]]]
) -> list[str]:
    """Change up to ten records; if one of them is gone, the others. Gives the IDs of those changed."""
    if not changes:
        return []
    try:
        gateway.update(base, table, changes)
    except RowGone:
        if len(changes) == 1:
            return []
        return [one for change in changes for one in changed(gateway, base, table, [change])]
    return [record_id for record_id, _ in changes]
