"""What a reader sees of a record: computed fields filled in, empty cells left out."""

from typing import Any

from harvester.sandbox.airtable.field_types import COMPUTED, Field
from harvester.sandbox.airtable.formula import Formula, as_cell
from harvester.sandbox.airtable.model import Record, Table
from harvester.sandbox.clock import iso


def shown(
    table: Table, record: Record, *, by_id: bool = False, only: list[Field] | None = None
) -> dict[str, Any]:
    """A record as the API gives it; `only` keeps these fields."""
    fields = table.fields.values() if only is None else only
    values = {(one.id if by_id else one.name): value(table, record, one) for one in fields}
    filled = {name: held for name, held in values.items() if held is not None}
    return {"id": record.id, "createdTime": iso(record.created_at), "fields": filled}


def value(table: Table, record: Record, field: Field) -> Any:
    """What a cell shows; None: nothing."""
    if field.type not in COMPUTED:
        return record.cells.get(field.id)
    if field.type == "autoNumber":
        return record.number
    if field.type == "createdTime":
        return iso(record.created_at)
    if isinstance(field.formula, Formula):
        return as_cell(field.formula.value(table, record))
    return None
