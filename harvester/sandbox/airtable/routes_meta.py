"""Endpoints of the metadata API: who I am, which bases there are, what they look like, making more."""

from collections.abc import Mapping
from typing import Any

from harvester.sandbox.airtable.building import adopt, empty_table
from harvester.sandbox.airtable.errors import bad_primary, bad_request, invalid, no_such_model, not_found
from harvester.sandbox.airtable.field_types import LINK, PRIMARY, Field, check_creation
from harvester.sandbox.airtable.ids import new_id
from harvester.sandbox.airtable.model import Base, Table
from harvester.sandbox.airtable.platform import Platform
from harvester.sandbox.airtable.wire import Call, json_answer
from harvester.sandbox.server import Answer

#: Bases of a page.
_PAGE = 1000
_LONGEST_DESCRIPTION = 20_000


def whoami(platform: Platform, call: Call) -> Answer:
    """GET `/v0/meta/whoami`."""
    if call.method != "GET":
        raise not_found()
    return json_answer({"id": platform.user_id})


def of_bases(platform: Platform, call: Call) -> Answer:
    """GET and POST `/v0/meta/bases`."""
    if call.method == "POST":
        return _new_base(platform, call.json())
    if call.method != "GET":
        raise not_found()
    bases, given = platform.bases(), call.text("offset")
    places = {base.id: place for place, base in enumerate(bases)}
    start = 0 if given is None else places.get(given.removeprefix("itr/"))
    if start is None:
        raise invalid("INVALID_OFFSET_VALUE")
    page = bases[start : start + _PAGE]
    views = [{"id": one.id, "name": one.name, "permissionLevel": "create"} for one in page]
    rest = bases[start + _PAGE :]
    return json_answer({"bases": views} | ({"offset": f"itr/{rest[0].id}"} if rest else {}))


def of_tables(platform: Platform, call: Call, base: Base) -> Answer:
    """GET and POST `/v0/meta/bases/<base>/tables`."""
    if call.method == "POST":
        return json_answer(_view(_new_table(platform, base, call.json()), visible=False))
    if call.method != "GET":
        raise not_found()
    visible = "visibleFieldIds" in call.query.get("include", []) + call.query.get("include[]", [])
    return json_answer({"tables": [_view(table, visible=visible) for table in base.tables.values()]})


def of_one_table(platform: Platform, call: Call, table: Table) -> Answer:
    """PATCH `/v0/meta/bases/<base>/tables/<table>`: name and description."""
    if call.method != "PATCH":
        raise not_found()
    body = call.json()
    name = _changed_name(body, table.name)
    if any(other is not table and _alike(other.name, name) for other in table.base.tables.values()):
        raise invalid("DUPLICATE_TABLE_NAME")
    table.name = name
    table.description = _description(body, table.description)
    return json_answer(_view(table, visible=False))


def of_fields(platform: Platform, call: Call, table: Table) -> Answer:
    """POST `/v0/meta/bases/<base>/tables/<table>/fields`."""
    if call.method != "POST":
        raise not_found()
    return json_answer(_new_field(table, call.json()).as_json())


def of_one_field(platform: Platform, call: Call, table: Table, name: str) -> Answer:
    """PATCH `/v0/meta/bases/<base>/tables/<table>/fields/<field>`: name and description."""
    if call.method != "PATCH":
        raise not_found()
    field = table.fields.get(name)
    if field is None:
        raise no_such_model()
    body = call.json()
    name = _changed_name(body, field.name)
    taken = table.field_like(name)
    if taken is not None and taken is not field:
        raise invalid("DUPLICATE_OR_EMPTY_FIELD_NAME")
    field.name = name
    field.description = _description(body, field.description)
    return json_answer(field.as_json())


def _new_base(platform: Platform, body: Mapping[str, Any]) -> Answer:
    workspace, name, tables = body.get("workspaceId"), body.get("name"), body.get("tables")
    if workspace not in platform.workspaces():
        raise no_such_model()
    if not isinstance(name, str) or not name or not isinstance(tables, list) or not tables:
        raise bad_request("name, tables")
    base = Base(new_id("app"), name, str(workspace))
    for table in tables:
        _new_table(platform, base, table)
    platform.add(base)
    return json_answer({"id": base.id, "tables": [_view(table) for table in base.tables.values()]})


def _new_table(platform: Platform, base: Base, body: Any) -> Table:
    if not isinstance(body, dict) or set(body) - {"name", "description", "fields"}:
        raise bad_request("a table")
    name, fields = body.get("name"), body.get("fields")
    if not isinstance(name, str) or not name or not isinstance(fields, list) or not fields:
        raise bad_request("name, fields")
    if any(_alike(other.name, name) for other in base.tables.values()):
        raise invalid("DUPLICATE_TABLE_NAME", f"A table with the name {name} exists already")
    checked = [_checked(base, name, one) for one in fields]
    names = [one.name.casefold() for one in checked]
    if len(set(names)) != len(names):
        raise invalid("DUPLICATE_OR_EMPTY_FIELD_NAME")
    if checked[0].type not in PRIMARY:
        raise bad_primary(checked[0].name)
    table = empty_table(base, name, platform.options.seed)
    table.description = _description(body, "")
    for field in checked:
        adopt(table, field)
    return table


def _new_field(table: Table, body: Mapping[str, Any]) -> Field:
    field = _checked(table.base, table.name, body)
    if table.field_like(field.name):
        raise invalid("DUPLICATE_OR_EMPTY_FIELD_NAME")
    return adopt(table, field)


def _checked(base: Base, table_name: str, body: Any) -> Field:
    if not isinstance(body, dict) or set(body) - {"name", "type", "description", "options"}:
        raise bad_request("a field")
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid("DUPLICATE_OR_EMPTY_FIELD_NAME")
    field = check_creation(f"{table_name}.{name}", body)
    field.description = _description(body, "")
    if field.type == LINK and field.options["linkedTableId"] not in base.tables:
        raise invalid("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", f"Invalid options for {table_name}.{name}")
    return field


def _changed_name(body: Mapping[str, Any], now: str) -> str:
    name = body.get("name", now)
    if set(body) - {"name", "description"} or not isinstance(name, str) or not name:
        raise bad_request("name and description can be changed")
    return name


def _description(body: Mapping[str, Any], now: str) -> str:
    told = body.get("description", now)
    if not isinstance(told, str) or len(told) > _LONGEST_DESCRIPTION:
        raise bad_request("description")
    return told


def _alike(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _view(table: Table, *, visible: bool = False) -> dict[str, Any]:
    view: dict[str, Any] = {"id": table.view_id, "name": "Grid view", "type": "grid"}
    shown = {"id": table.id, "name": table.name, "primaryFieldId": table.primary.id}
    told = {"description": table.description} if table.description else {}
    view |= {"visibleFieldIds": list(table.fields)} if visible else {}
    fields = [field.as_json() for field in table.fields.values()]
    return {**shown, **told, "fields": fields, "views": [view]}
