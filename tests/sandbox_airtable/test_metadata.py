"""The metadata API: what there is, making more, renaming; and the ready-made bases of an agency."""

from typing import Any

import pytest
from pyairtable import Api

from harvester.sandbox.airtable import BaseSpec, SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base

from .conftest import BASE, OTHER
from .refusals import refused


def test_who_and_what(api: Api) -> None:
    assert api.whoami()["id"].startswith("usr")
    assert [(base.id, base.name) for base in api.bases()] == [(BASE, "Wrapper"), (OTHER, "Other")]
    schema = api.base(BASE).schema()
    table = schema.table("Things")
    assert table.primary_field_id == table.field("Key").id
    assert table.views[0].visible_field_ids == [field.id for field in table.fields]
    choices = [choice.name for choice in table.field("Status").options.choices]  # type: ignore[union-attr]
    assert choices == ["Open", "Shut"]
    link, back = schema.table("Parts").field("Thing"), table.field("Parts")
    assert link.options.linked_table_id == table.id  # type: ignore[union-attr]
    assert link.options.inverse_link_field_id == back.id  # type: ignore[union-attr]
    assert api.table(BASE, "Things", validate=True).name == "Things"


def test_many_bases_come_in_pages(api: Api, airtable: SandboxAirtable) -> None:
    for number in range(1000):
        airtable.add_base(BaseSpec(f"appMany{number:010}", "One of many", ()))
    assert len(api.bases()) == 1002


CREATED: list[tuple[str, dict[str, Any] | None]] = [
    *[(kind, None) for kind in ("singleLineText", "multilineText", "richText")],
    *[(kind, None) for kind in ("url", "email", "phoneNumber")],
    ("number", {"precision": 8}),
    ("percent", {"precision": 0}),
    ("currency", {"precision": 7, "symbol": "€"}),
    ("checkbox", {"icon": "check", "color": "greenBright"}),
    ("date", {"dateFormat": {"name": "iso"}}),
    (
        "dateTime",
        {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"},
    ),
    ("singleSelect", {"choices": [{"name": "a"}, {"name": "b", "color": "redBright"}]}),
    ("multipleSelects", {"choices": []}),
]


@pytest.mark.parametrize(("kind", "options"), CREATED)
def test_fields_that_the_api_makes(api: Api, kind: str, options: dict[str, Any] | None) -> None:
    made = api.table(BASE, "Things").create_field("New", kind, "what for", options)
    again = api.base(BASE).schema().table("Things").field("New")
    assert (made.id, made.type, made.description) == (again.id, kind, "what for")


@pytest.mark.parametrize(
    ("kind", "options", "refusal"),
    [
        ("formula", {"formula": "1"}, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"),
        ("autoNumber", None, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"),
        ("createdTime", None, "UNSUPPORTED_FIELD_TYPE_FOR_CREATE"),
        ("number", None, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("number", {"precision": 9}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("singleSelect", {"choices": ["a"]}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("dateTime", {"dateFormat": {"name": "iso"}}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("singleLineText", {"length": 3}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("number", {"precision": 0, "unit": "m"}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("multipleRecordLinks", {"linkedTableId": "tblNope"}, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
        ("poem", None, "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"),
    ],
)
def test_fields_that_the_api_does_not_make(
    api: Api, kind: str, options: dict[str, Any] | None, refusal: str
) -> None:
    with refused() as told:
        api.table(BASE, "Things").create_field("New", kind, options=options)
    assert (told.status, told.type) == (422, refusal)


def test_a_table_is_made_with_a_link_back(api: Api, airtable: SandboxAirtable) -> None:
    link = {"linkedTableId": airtable.table_id(BASE, "Things")}
    fields: list[dict[str, Any]] = [
        {"name": "Name", "type": "singleLineText"},
        {"name": "Thing", "type": "multipleRecordLinks", "options": link},
    ]
    with refused() as told:
        read_only = {**link, "prefersSingleRecordLink": True}
        api.table(BASE, "Parts").create_field("New", "multipleRecordLinks", options=read_only)
    assert told.type == "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE"
    made = api.base(BASE).create_table("Notes on things", fields, "what for")
    thing = airtable.add(BASE, "Things", {"Key": "a"})
    made.create({"Name": "n", "Thing": [thing]})
    assert api.table(BASE, "Things").get(thing)["fields"]["Notes on things"]


@pytest.mark.parametrize(
    ("name", "fields", "refusal"),
    [
        ("THINGS", [{"name": "Name", "type": "singleLineText"}], "DUPLICATE_TABLE_NAME"),
        ("New", [], "INVALID_REQUEST_UNKNOWN"),
        ("New", [{"name": name, "type": "url"} for name in ("A", "a")], "DUPLICATE_OR_EMPTY_FIELD_NAME"),
        ("New", [{"name": "A", "type": "number"}], "INVALID_FIELD_TYPE_OPTIONS"),
        (
            "New",
            [{"name": "A", "type": "multipleSelects", "options": {"choices": []}}],
            "INVALID_FIELD_TYPE_FOR_PRIMARY_FIELD",
        ),
    ],
)
def test_tables_that_are_not_made(
    api: Api, airtable: SandboxAirtable, name: str, fields: list[dict[str, Any]], refusal: str
) -> None:
    with refused() as told:
        api.base(BASE).create_table(name, fields)
    assert told.status == 422
    assert told.type.startswith(refusal)
    assert set(airtable.ledger().rows[BASE]) == {"Things", "Parts"}


def test_names_are_unique_whatever_their_case(api: Api) -> None:
    with refused() as told:
        api.table(BASE, "Things").create_field("kEY", "url")
    assert told.type == "DUPLICATE_OR_EMPTY_FIELD_NAME"
    schema = api.base(BASE).schema().table("Things")
    field = schema.field("Notes")
    field.name = "Remarks"
    field.save()
    assert api.table(BASE, "Things").create({"Remarks": "x"})["fields"]["Remarks"] == "x"
    field.name = "KEY"
    with refused() as told:
        field.save()
    assert told.type == "DUPLICATE_OR_EMPTY_FIELD_NAME"
    schema.name = "parts"
    with refused() as told:
        schema.save()
    assert told.type == "DUPLICATE_TABLE_NAME"


def test_nothing_is_deleted_through_the_api(api: Api, airtable: SandboxAirtable) -> None:
    table, field = airtable.table_id(BASE, "Things"), airtable.field_id(BASE, "Things", "Notes")
    for path in (f"tables/{table}", f"tables/{table}/fields/{field}"):
        with refused() as told:
            api.delete(f"{airtable.url}/v0/meta/bases/{BASE}/{path}")
        assert (told.status, told.body) == (404, {"error": "NOT_FOUND"})


def test_a_base_is_made_in_a_workspace_that_exists(api: Api, airtable: SandboxAirtable) -> None:
    table = {"name": "T", "fields": [{"name": "A", "type": "singleLineText"}]}
    made = api.create_base(airtable.base(BASE).workspace, "New", [table])
    assert made.table("T").create({"A": "x"})["fields"] == {"A": "x"}
    with refused() as told:
        api.create_base("wspNobodyKnows001", "New", [table])
    assert told.status == 403


def test_the_bases_of_an_agency(api: Api, airtable: SandboxAirtable) -> None:
    client = "appClientAlpha001"
    airtable.add_base(master_base(clients=[client_row("Ann-Lee", client)]))
    airtable.add_base(client_base(client, leads=[{"LinkedIn Profile URL": "https://www.linkedin.com/in/a"}]))
    airtable.add_base(client_base("appClientBeta0002", posts="content"))
    assert api.table(MASTER_ID, "Clients").first(formula="{Status}='Active'")
    times = {"Start Time": "2026-01-02T03:00:00Z", "End Time": "2026-01-02T03:20:30Z"}
    counts = {"Profiles Examined for Scoring": 4, "Profiles Successfully Scored": 3}
    given: dict[str, Any] = {"Run ID": "r", "Status": "Duplicate", **times, **counts}
    row = api.table(MASTER_ID, "Client Run Results").create(given)
    assert (row["fields"]["Duration"], row["fields"]["Profile Scoring Success Rate"]) == (20, 0.75)
    running = api.table(MASTER_ID, "Job Tracking").create({"Run ID": "r", "Start Time": times["Start Time"]})
    assert "Duration" not in running["fields"]
    tables = {one: api.base(one).schema().table("Leads") for one in (client, "appClientBeta0002")}
    names = {one: {field.name for field in table.fields} for one, table in tables.items()}
    assert names["appClientBeta0002"] - names[client] == {"Posts Content"}
    assert names[client] - names["appClientBeta0002"] == {"Posts"}
