"""Adding a client and changing one, by a form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, Final

from flask import Response, make_response, request

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.models import Client
from routes.pages import shell
from routes.pages.actions import asking
from routes.state import services
from services import client_editing, client_values
from services.client_editing import DEFAULTS, OWN, BaseTaken, ClientExists, KeptInAirtable

blueprint = shell.blueprint("do_clients")

_CHARS: Final = 250


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form: the column, its label, a hint, and what reads it."""

    name: str
    label: str
    hint: str
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Shown:
    """A field as shown: what is in it, what was when the page was made, and what is wrong with it."""

    name: str
    label: str
    hint: str
    value: str
    was: str
    wrong: str | None = None


def _counted(name: str, label: str, hint: str = "") -> Field:
    least, most = client_values.BOUNDS[name]
    bounds = f"{least} to {most:,}"
    return Field(name, label, f"{hint}, {bounds}" if hint else bounds, partial(_count, name))


def _count(column: str, text: str) -> int:
    return client_values.count(text, column)


def _base(text: str) -> str | None:
    return client_values.airtable_base(text.strip()) if text.strip() else None


_NAME: Final = Field("name", "Name", "", client_values.line)
_FIELDS: Final = (
    _NAME,
    Field("status", "Status", "only Active clients are harvested", client_values.status),
    _counted("daily_target", "Posts wanted a day"),
    Field("daily_budget_micros", "Budget of a day, USD", "empty: as all clients", client_values.daily_budget),
    Field("schedule", "Schedule, cron", "as in 0 5 * * *; empty: as all clients", client_values.schedule),
    Field("timezone", "Time zone", "as in Europe/London; its day begins there", client_values.timezone),
    Field("actor_id", "Actor at Apify", "user/name; empty: as all clients", client_values.actor),
    _counted("batch_size", "Leads per batch"),
    _counted("max_batches", "Batches a day at the most"),
    _counted("stream", "Stream"),
    _counted("service_level", "Service level", "2 and more harvest"),
    Field("airtable_base", "Airtable base", "app and 14 letters or digits; empty: none", _base),
)
_ID: Final = Field(
    "client_id", "Client ID", "letters, digits, - and _; it stays for good", run_ids.require_client_id
)


@blueprint.get("/clients/new")
def new() -> str:
    """Ask for a new client's values."""
    shown = [_shown(field, _text(field.name, DEFAULTS.get(field.name))) for field in (_ID, *_FIELDS)]
    return _form("New client", shown, "Add", "/clients")


@blueprint.post("/clients/new")
def added() -> Response:
    """Add it."""
    given = {field.name: _given(field.name) for field in (_ID, *_FIELDS)}
    given["name"] = given["name"] or given["client_id"]
    values, wrong = _read((_ID, *_FIELDS), given)
    if not wrong:
        client_id = values.pop("client_id")
        try:
            client_editing.of(services()).add(client_id, values, by=shell.who())
        except ClientExists as error:
            return asking.refused(error, f"/clients/{client_id}")
        except BaseTaken as error:
            wrong = {"airtable_base": str(error)}
        else:
            return asking.done(f"client {client_id} is added; import its leads next", f"/clients/{client_id}")
    shown = [_shown(field, given[field.name], wrong=wrong.get(field.name)) for field in (_ID, *_FIELDS)]
    return make_response(_form("New client", shown, "Add", "/clients"), 400)


@blueprint.get("/clients/<client_id>/edit")
def edit(client_id: str) -> str:
    """Ask for changes of a client's values."""
    asking.client(client_id)
    editing = client_editing.of(services())
    client = editing.get(client_id)
    shown = [_shown(field, _text(field.name, getattr(client, field.name))) for field in _fields_of(client)]
    return _form(f"Change {client_id}", shown, "Change", f"/clients/{client_id}", _remark(client))


@blueprint.post("/clients/<client_id>/edit")
def edited(client_id: str) -> Response:
    """Change what the person has changed in the form, and nothing that others have changed since."""
    asking.client(client_id)
    editing = client_editing.of(services())
    client = editing.get(client_id)
    fields = [field for field in _fields_of(client) if field.name in request.form]
    given = {field.name: _given(field.name) for field in fields}
    changed = [field for field in fields if given[field.name] != _given(f"was.{field.name}")]
    values, wrong = _read(changed, given)
    there = f"/clients/{client_id}"
    if not wrong:
        try:
            names = editing.change(client_id, values, by=shell.who()) if values else []
        except KeptInAirtable as error:
            return asking.refused(error, there)
        except BaseTaken as error:
            wrong = {"airtable_base": str(error)}
        else:
            labels = ", ".join(field.label for field in _FIELDS if field.name in names)
            return asking.done(f"changed: {labels}" if labels else "nothing was changed", there)
    shown = [
        _shown(field, given[field.name], _given(f"was.{field.name}"), wrong.get(field.name))
        for field in fields
    ]
    return make_response(_form(f"Change {client_id}", shown, "Change", there, _remark(client)), 400)


def _fields_of(client: Client) -> list[Field]:
    airtables = client_editing.of(services()).is_airtables(client)
    return [field for field in _FIELDS if not airtables or field.name in OWN]


def _remark(client: Client) -> str | None:
    if client_editing.of(services()).is_airtables(client):
        return "It is kept in Airtable: everything else is changed in its row of the table Clients there."
    return None


def _read(
    fields: tuple[Field, ...] | list[Field], given: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Read what was filled in; what is wrong is told by column."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        try:
            values[field.name] = field.read(given[field.name])
        except InvalidInput as error:
            wrong[field.name] = asking.sentence(str(error))
    return values, wrong


def _given(name: str) -> str:
    return request.form.get(name, "").strip()[:_CHARS]


def _text(column: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{Decimal(value).scaleb(-6).normalize():f}" if column.endswith("_micros") else str(value)


def _shown(field: Field, value: str, was: str | None = None, wrong: str | None = None) -> Shown:
    return Shown(field.name, field.label, field.hint, value, value if was is None else was, wrong)


def _form(title: str, fields: list[Shown], button: str, back: str, remark: str | None = None) -> str:
    wrong = sum(field.wrong is not None for field in fields)
    return shell.page(
        "client_form.html",
        title=title,
        fields=fields,
        button=button,
        back=back,
        remark=remark,
        wrong=wrong,
        action=request.path,
    )
