"""What each type of field takes, gives back and refuses."""

from typing import Any

import pytest
from pyairtable import Table

from harvester.sandbox.airtable import FieldSpec, SandboxAirtable

from .conftest import BASE
from .refusals import refused


@pytest.mark.parametrize(
    ("field", "given", "held"),
    [
        ("Key", "x" * 100_000, "x" * 100_000),
        ("Notes", "two\nlines\tand 'quotes' \\ ü 😀 \x00", "two\nlines\tand 'quotes' \\ ü 😀 \x00"),
        ("Count", 1.25, 1.25),
        ("Count", -(10**12), -(10**12)),
        ("Done", True, True),
        ("At", "2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"),
        ("At", "2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05.000Z"),
        ("At", "2026-01-02", "2026-01-02T00:00:00.000Z"),
        ("Day", "2026-02-28", "2026-02-28"),
        ("Status", "Shut", "Shut"),
        ("Tags", ["blue", "red", "blue"], ["blue", "red"]),
        ("Site", "not a URL, and still a text", "not a URL, and still a text"),
    ],
)
def test_what_a_field_takes(things: Table, field: str, given: Any, held: Any) -> None:
    made = things.create({field: given})
    assert made["fields"][field] == held
    assert things.get(made["id"])["fields"][field] == held
    assert field not in things.update(made["id"], {field: None})["fields"]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("Key", "x" * 100_001),
        ("Key", 5),
        ("Notes", ["a"]),
        ("Count", "5"),
        ("Count", ""),
        ("Count", True),
        ("Done", "true"),
        ("At", "yesterday"),
        ("At", ""),
        ("At", "2026-02-30T00:00:00Z"),
        ("At", 1767323045),
        ("Day", "2026-01-02T00:00:00Z"),
        ("Day", "02/01/2026"),
        ("Status", ["Open"]),
        ("Status", ""),
        ("Tags", "red"),
    ],
)
def test_what_a_field_refuses_by_name(things: Table, field: str, given: Any) -> None:
    with refused() as told:
        things.create({field: given})
    assert (told.status, told.type) == (422, "INVALID_VALUE_FOR_COLUMN")
    assert f'"{field}"' in told.message


@pytest.mark.parametrize("field", ["Number", "Made", "Twice"])
def test_computed_fields_are_never_written(things: Table, field: str) -> None:
    with refused() as told:
        things.create({field: 5})
    assert told.message == f'Field "{field}" cannot accept a value because the field is computed'


def test_choices_are_only_made_by_typecast_in_the_body(airtable: SandboxAirtable, things: Table) -> None:
    for given in ({"Status": "Ajar"}, {"Tags": ["red", "green"]}):
        with refused() as told:
            things.api.post(things.urls.records, params={"typecast": "true"}, json={"fields": given})
        assert (told.status, told.type) == (422, "INVALID_MULTIPLE_CHOICE_OPTIONS")
        assert told.message.startswith("Insufficient permissions to create new select option")
    assert things.create({"Status": "Ajar"}, typecast=True)["fields"]["Status"] == "Ajar"
    assert things.create({"Status": "Ajar", "Tags": ["red"]})["fields"]["Tags"] == ["red"]
    airtable.add_choice(BASE, "Things", "Status", "Locked")
    assert things.create({"Status": "Locked"})["fields"]["Status"] == "Locked"


def test_typecast_reads_numbers_and_texts(things: Table) -> None:
    made = things.create({"Count": "12", "Key": 7}, typecast=True)["fields"]
    assert (made["Count"], made["Key"], made["Twice"]) == (12, "7", 24)
    with refused():
        things.create({"Count": "twelve"}, typecast=True)


def test_moments_without_an_offset_are_of_the_fields_time_zone(
    airtable: SandboxAirtable, things: Table
) -> None:
    airtable.add_field(BASE, "Things", FieldSpec("Local", "dateTime", {"timeZone": "Australia/Perth"}))
    assert things.create({"Local": "2026-01-02T08:00"})["fields"]["Local"] == "2026-01-02T00:00:00.000Z"


def test_links_lead_to_records_that_exist_and_are_seen_from_both_ends(
    airtable: SandboxAirtable, things: Table, parts: Table
) -> None:
    one, two = (things.create({"Key": key})["id"] for key in "ab")
    part = parts.create({"Part": "p", "Thing": [one, two]})
    assert part["fields"]["Thing"] == [one, two]
    assert things.get(one)["fields"]["Parts"] == [part["id"]]
    assert parts.all(formula="{Thing}='a, b'")[0]["id"] == part["id"]
    parts.update(part["id"], {"Thing": [two]})
    assert "Parts" not in things.get(one)["fields"]
    airtable.delete(BASE, "Things", two)
    assert "Thing" not in parts.get(part["id"])["fields"]
    for bad, refusal in (("rec00000000000000", "ROW_DOES_NOT_EXIST"), ("a", "INVALID_VALUE_FOR_COLUMN")):
        with refused() as told:
            parts.create({"Thing": [one, bad]})
        assert told.type == refusal
    assert things.update(one, {"Parts": [part["id"]]})["fields"]["Parts"] == [part["id"]]
    assert parts.get(part["id"])["fields"]["Thing"] == [one]


def test_automatic_numbers_count_and_are_not_used_again(airtable: SandboxAirtable, things: Table) -> None:
    numbers = [things.create({"Key": key})["fields"]["Number"] for key in "abc"]
    airtable.delete(BASE, "Things", airtable.records(BASE, "Things")[-1]["id"])
    assert [*numbers, things.create({})["fields"]["Number"]] == [1, 2, 3, 4]
