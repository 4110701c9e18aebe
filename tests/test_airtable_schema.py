"""What we need of a base against what it has, and values as cells take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from airtable_schemas import client, master, with_field, without_field, without_table
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.airtable_schema import (
    ALL_TABLES,
    CLIENT,
    COMPUTED,
    MASTER,
    MAX_CELL,
    NOT_WRITABLE,
    Column,
    Field,
    Kind,
    Schema,
    adapt,
    problems,
)
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable import BaseSpec, FieldSpec, SandboxAirtable, TableSpec
from harvester.sandbox.airtable.field_types import WRITTEN

STATUS = ALL_TABLES["Client Run Results"].column("Status")
NOTES = ALL_TABLES["Client Run Results"].column("System Notes")
COLUMNS = [(spec.name, column) for spec in (*MASTER, *CLIENT) for column in spec.columns]
#: Fields that a harvester could meet, one of each type.
TYPES = sorted(
    COMPUTED
    | {"singleLineText", "multilineText", "richText", "url", "email", "phoneNumber", "number", "percent"}
    | {"currency", "checkbox", "date", "dateTime", "singleSelect", "multipleSelects", "multipleRecordLinks"}
    | {"multipleAttachments", "singleCollaborator", "rating", "duration", "barcode", "typeOfTomorrow"}
)


def a_field(type: str, *choices: str) -> Field:
    return Field("fld00000000000001", "F", type, choices)


@dataclass(frozen=True)
class Sending:
    """Sends cells of one record; `linked` is a record that a link may name."""

    url: str
    record: str
    linked: str

    def send(self, cells: dict[str, object]) -> tuple[int, bytes]:
        """Give the status and, unless it is 200, the body of the answer."""
        body = json.dumps({"records": [{"id": self.record, "fields": cells}]}).encode()
        headers = {"Authorization": "Bearer pat", "Content-Type": "application/json"}
        request = Request(f"{self.url}/v0/app00000000000001/T", body, headers, method="PATCH")
        try:
            with urlopen(request, timeout=5) as answer:
                return answer.status, b""
        except HTTPError as error:
            with error:
                return error.code, error.read()


def judged(schema: Schema) -> set[tuple[str, str | None, str]]:
    specs = MASTER if "Clients" in schema.tables else CLIENT
    return {(found.table, found.field, found.code) for found in problems(schema, specs)}


# --- What is wrong with a base


@given(st.data())
def test_whatever_a_base_lacks_or_has_otherwise_is_named_and_nothing_else_is(data: st.DataObject) -> None:
    schema, expected = data.draw(st.sampled_from([master(), client()])), set()
    columns = [one for one in COLUMNS if one[0] in schema.tables]
    for table, column in data.draw(st.lists(st.sampled_from(columns), unique_by=lambda one: one)):
        if column.optional:
            schema = without_field(schema, table, column.name)
        elif data.draw(st.booleans()):
            schema = without_field(schema, table, column.name)
            expected.add((table, column.name, "missing_field"))
        else:
            schema = with_field(schema, table, Field("fld99999999999999", column.name, "barcode"))
            expected.add((table, column.name, "wrong_type"))
    schema = with_field(schema, next(iter(schema.tables)), Field("fld99999999999998", "Mood", "rating"))
    assert judged(schema) == expected


@pytest.mark.parametrize("table", [spec.name for spec in (*MASTER, *CLIENT)])
def test_a_table_that_is_missing_is_named_alone(table: str) -> None:
    schema = master() if table in master().tables else client()
    lost = without_table(schema, table)
    specs = MASTER if schema.base == master().base else CLIENT
    found = [one for one in problems(lost, specs) if one.table == table]
    assert [(one.code, one.field) for one in found] == ([("missing_table", None)] if table != "Posts" else [])
    assert all(one.required == ALL_TABLES[table].required for one in found)


def test_posts_go_to_a_table_or_to_the_leads_and_a_base_needs_one_of_the_two() -> None:
    either = without_table(client(), "Posts")
    assert judged(either) == set()
    neither = without_field(either, "Leads", "Posts Content")
    assert judged(neither) == {("Posts", None, "missing_table")}
    rich = Field("fld99999999999999", "Posts Content", "richText")
    assert judged(with_field(either, "Leads", rich)) == {("Leads", "Posts Content", "wrong_type")}
    assert judged(with_field(client(), "Leads", rich)) == set()


@pytest.mark.parametrize("type", sorted(COMPUTED))
def test_a_column_that_we_write_must_not_be_computed_and_one_that_we_read_may(type: str) -> None:
    schema = with_field(master(), "Job Tracking", Field("fld99999999999999", "Stream", type))
    assert judged(schema) == {("Job Tracking", "Stream", "computed")}
    assert judged(with_field(master(), "Job Tracking", Field("fld9", "Duration", type))) == set()


def test_a_choice_that_is_missing_is_named_with_what_is_written_in_its_place() -> None:
    status = Field("fld99999999999999", "Status", "singleSelect", ("Running", "Completed", "Duplicate"))
    found = problems(with_field(master(), "Client Run Results", status), MASTER)
    assert [(one.choice, "'Completed' is written" in one.told) for one in found] == [
        ("Completed with Errors", True),
        ("Failed", False),
        ("Cancelled", False),
    ]
    assert (
        judged(with_field(master(), "Client Run Results", Field("fld9", "Status", "multilineText"))) == set()
    )


def test_a_link_must_lead_to_the_leads() -> None:
    strange = Field("fld9", "Lead", "multipleRecordLinks", linked_table="tblElsewhere00001")
    assert judged(with_field(client(), "Posts", strange)) == {("Posts", "Lead", "wrong_type")}


def test_a_name_that_differs_by_capitals_or_blanks_is_to_be_changed() -> None:
    schema = without_field(master(), "Apify", "Dataset ID")
    schema = with_field(schema, "Apify", Field("fld9", "dataset  Id", "singleLineText"))
    [found] = problems(schema, MASTER)
    assert found.told == "rename the field 'dataset  Id' to 'Dataset ID'"


def test_the_choices_are_those_that_the_ledger_knows() -> None:
    assert set(ClientRunStatus) < set(STATUS.choices)
    assert set(LeadStatus) == set(ALL_TABLES["Leads"].column("Posts Harvest Status").choices)
    assert all(set(column.fallbacks.values()) <= set(column.choices) for _, column in COLUMNS)


@given(st.sampled_from([master(), client()]))
def test_a_schema_is_read_back_as_it_was(schema: Schema) -> None:
    assert Schema.from_json(schema.to_json()) == schema


# --- Values as cells take them


def test_text_is_cut_where_airtable_would_refuse_it() -> None:
    for text in ("x" * 100_001, "😀" * 50_001, "a" + "😀" * 50_000, "\n" * 200_000):
        for type in ("multilineText", "singleLineText"):
            cell = adapt(text, a_field(type), NOTES)
            assert isinstance(cell, str)
            assert len(cell.encode("utf-16-le")) <= 2 * MAX_CELL
            assert cell.endswith("… [cut: Airtable keeps 100,000 characters]")
            assert (
                cell[: len(cell) - 50]
                == text.replace("\n", " " if type[0] == "s" else "\n")[: len(cell) - 50]
            )
    whole = "😀" * 50_000
    assert adapt(whole, a_field("multilineText"), NOTES) == whole


def test_a_value_is_written_as_the_field_has_it_really() -> None:
    moment = datetime(2026, 11, 22, 23, 30, 5, 123456, tzinfo=timezone(timedelta(hours=-2)))
    ids = ["recAAAAAAAAAAAAAA", "recBBBBBBBBBBBBBB"]
    table = [
        (moment, "dateTime", "2026-11-23T01:30:05.123Z"),
        (moment, "date", "2026-11-23"),
        (moment, "singleLineText", "2026-11-23T01:30:05.123Z"),
        ("2026-11-22T05:00:00Z", "dateTime", "2026-11-22T05:00:00.000Z"),
        (date(2026, 11, 22), "dateTime", "2026-11-22T00:00:00.000Z"),
        (Decimal("0.0741"), "number", 0.0741),
        (Decimal("0.0741"), "singleLineText", "0.0741"),
        (20, "currency", 20),
        (True, "number", 1),
        (["a", "b"], "multilineText", "a\nb"),
        (["a", "b"], "singleLineText", "a, b"),
        ("two\r\nlines", "singleLineText", "two lines"),
        (ids + ids, "multipleRecordLinks", ids),
        (None, "dateTime", None),
        ("", "number", None),
        ("", "multilineText", ""),
    ]
    for value, type, cell in table:
        assert adapt(value, a_field(type), NOTES) == cell


def test_what_a_field_does_not_take_is_not_written() -> None:
    table = [
        (datetime(2026, 11, 22), "dateTime"),  # noqa: DTZ001 - that it says no zone is the point
        ("yesterday", "dateTime"),
        ("12", "number"),
        (float("nan"), "number"),
        (Decimal("Infinity"), "number"),
        (2**60, "number"),
        ("not a URL", "url"),
        (1, "checkbox"),
        (["recShort"], "multipleRecordLinks"),
        ("recAAAAAAAAAAAAAA", "multipleRecordLinks"),
        ("Running", "singleSelect"),
    ]
    for value, type in table:
        assert adapt(value, a_field(type), NOTES) is NOT_WRITABLE
    assert {adapt(None, a_field(type), NOTES) for type in COMPUTED} == {NOT_WRITABLE}


def test_a_choice_that_a_base_lacks_falls_back() -> None:
    field = a_field("singleSelect", "Running", "Completed")
    assert adapt("Completed with Errors", field, STATUS) == "Completed"
    assert adapt(ClientRunStatus.RUNNING, field, STATUS) == "Running"
    assert adapt("Cancelled", field, STATUS) is NOT_WRITABLE  # `Failed` is not there either


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(st.characters()),
    st.datetimes(timezones=st.sampled_from([UTC, None, timezone(timedelta(hours=14))])),
    st.dates(),
    st.sampled_from(
        ["Running", "Completed", "https://www.linkedin.com/in/ann", "2026-11-22", "rec" + "A" * 14]
    ),
    st.lists(st.sampled_from(["rec" + "A" * 14, "rec" + "B" * 14, "x"]), max_size=3),
)


@pytest.fixture(scope="module")
def table() -> Iterator[Sending]:
    """A table of the local Airtable with a field of each type; it refuses what Airtable would refuse."""
    options = {"choices": [{"name": "Running"}, {"name": "Completed"}], "linkedTable": "Linked"}
    wanted = {"singleSelect": "choices", "multipleSelects": "choices", "multipleRecordLinks": "linkedTable"}
    fields = [FieldSpec("Key")]
    for type in sorted(WRITTEN):
        option = wanted.get(type)
        fields.append(FieldSpec(type, type, {option: options[option]} if option else {}))
    base = BaseSpec(
        "app00000000000001", "B", [TableSpec("Linked", [FieldSpec("Name")]), TableSpec("T", fields)]
    )
    with SandboxAirtable(token="pat", base_requests=0, token_requests=0, bases=[base]) as sandbox:
        linked = sandbox.add(base.id, "Linked", {"Name": "Ann"})
        yield Sending(sandbox.url, sandbox.add(base.id, "T", {"Key": "1"}), linked)


@settings(deadline=None)
@given(data=st.data())
def test_whatever_is_given_for_a_cell_airtable_takes(table: Sending, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from([column for _, column in COLUMNS]))
    values = {type: data.draw(anything | st.just([table.linked])) for type in sorted(WRITTEN)}
    cells = {
        type: adapt(value, a_field(type, "Running", "Completed"), column) for type, value in values.items()
    }
    links = cells["multipleRecordLinks"]
    if isinstance(links, list) and set(links) - {table.linked}:
        del cells["multipleRecordLinks"]  # that a lead is there, only Airtable knows
    assert table.send({type: cell for type, cell in cells.items() if cell is not NOT_WRITABLE}) == (200, b"")


@given(anything, st.sampled_from(TYPES), st.sampled_from([column for _, column in COLUMNS]))
def test_adapting_never_fails_and_never_changes_its_mind(value: object, type: str, column: Column) -> None:
    field = a_field(type, "Running", "Completed")
    cell = adapt(value, field, column)
    again = adapt(cell, field, column) if cell is not NOT_WRITABLE else cell
    assert again == cell
    assert (cell is NOT_WRITABLE) or type not in COMPUTED
    assert Kind.COMPUTED not in (column.kind,) or not column.written
