"""Making and changing bases, tables and fields: from a spec, by a person, through the metadata API."""

from harvester.sandbox.airtable.errors import ApiError
from harvester.sandbox.airtable.field_types import LINK, Field, made
from harvester.sandbox.airtable.formula import field_formula
from harvester.sandbox.airtable.ids import is_id, new_id
from harvester.sandbox.airtable.model import Base, Table
from harvester.sandbox.airtable.specs import BaseSpec, FieldSpec, TableSpec
from harvester.sandbox.airtable.writes import person_cells


def built(spec: BaseSpec, seed: int) -> Base:
    """A base as its spec says. Raises `ValueError` for a spec that cannot be."""
    if not is_id("app", spec.id):
        raise ValueError(f"no base ID: {spec.id} (app and 14 letters or digits)")
    base = Base(spec.id, spec.name, spec.workspace)
    made_tables = [(empty_table(base, table.name, seed), table) for table in spec.tables]
    for table, wanted in made_tables:
        for field in wanted.fields:
            add_field(table, field)
    for table, wanted in made_tables:
        _fill(table, wanted)
    return base


def add_table(base: Base, spec: TableSpec, seed: int) -> Table:
    """One more table with its fields and records. Raises `ValueError`."""
    table = empty_table(base, spec.name, seed)
    for field in spec.fields:
        add_field(table, field)
    _fill(table, spec)
    return table


def empty_table(base: Base, name: str, seed: int) -> Table:
    """One more table, without any field."""
    if any(other.name.casefold() == name.casefold() for other in base.tables.values()):
        raise ValueError(f"{base.id} has a table {name} already")
    table = Table(base, name, seed)
    base.tables[table.id] = table
    return table


def add_field(table: Table, spec: FieldSpec) -> Field:
    """One more field. Raises `ValueError`."""
    options = dict(spec.options)
    linked = options.pop("linkedTable", None)
    if linked is not None:
        other = table.base.table(linked)
        if other is None:
            raise ValueError(f"{spec.name} links to a table that is not there: {linked}")
        options["linkedTableId"] = other.id
    return adopt(table, made(spec.name, spec.type, options))


def adopt(table: Table, field: Field) -> Field:
    """Put a field into its table, with the field at the other end of a link. Raises `ValueError`."""
    if not field.name or table.field_like(field.name):
        raise ValueError(f"{table.name} has a field {field.name} already, or it has no name")
    if field.type == "formula":
        field.formula = _compiled(table, field)
    table.fields[field.id] = field
    if field.type == LINK and "inverseLinkFieldId" not in field.options:
        _add_inverse(table, field)
    return field


def drop_field(table: Table, field: Field) -> None:
    """Take a field away, as only a person can. A link's other end becomes a field of text."""
    back = field.options.get("inverseLinkFieldId") if field.type == LINK else None
    table.forget_field(field.id)
    if back is not None:
        other = table.base.tables[field.options["linkedTableId"]]
        other.forget_field(back)


def _compiled(table: Table, field: Field) -> object:
    try:
        return field_formula(str(field.options["formula"]), table)
    except ApiError as error:
        raise ValueError(f"{field.name}: {error}") from error


def _add_inverse(table: Table, field: Field) -> None:
    other = table.base.tables[field.options["linkedTableId"]]
    field.options |= {"isReversed": False, "prefersSingleRecordLink": False}
    if other is table:
        return
    names = [table.name, *(f"{table.name} {number}" for number in range(2, 100))]
    name = next(one for one in names if other.field_like(one) is None)
    back = Field(new_id("fld"), name, LINK, {"linkedTableId": table.id, "inverseLinkFieldId": field.id})
    back.options |= {"isReversed": False, "prefersSingleRecordLink": False}
    field.options["inverseLinkFieldId"] = back.id
    other.fields[back.id] = back


def _fill(table: Table, spec: TableSpec) -> None:
    for given in spec.records:
        table.insert(person_cells(table, given))
    table.created = 0
