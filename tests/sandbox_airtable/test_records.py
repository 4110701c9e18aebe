"""Records: created, read, changed, deleted, by name or by ID, all or nothing."""

from datetime import datetime
from typing import Any

import pytest
from pyairtable import Api, Table

from harvester.sandbox.airtable import SandboxAirtable

from .conftest import BASE, OTHER, TOKEN, make_api, specs
from .refusals import refused


def test_empty_cells_are_left_out(things: Table) -> None:
    filled: dict[str, Any] = {"Key": "a", "Count": 0, "Done": False, "Notes": "", "Tags": [], "At": None}
    made = things.create(filled)
    assert {name: made["fields"][name] for name in ("Key", "Count")} == {"Key": "a", "Count": 0}
    assert set(made["fields"]) == {"Key", "Count", "Number", "Made", "Twice"}
    assert things.get(made["id"]) == made
    assert datetime.fromisoformat(made["createdTime"]).microsecond == 0
    assert made["createdTime"].endswith(".000Z")
    assert made["fields"]["Made"] == made["createdTime"]


def test_a_put_clears_and_a_patch_does_not(things: Table) -> None:
    made = things.create({"Key": "a", "Count": 3, "Status": "Open"})["id"]
    assert things.update(made, {"Count": 4})["fields"]["Status"] == "Open"
    replaced = things.update(made, {"Key": "b"}, replace=True)["fields"]
    assert {"Key", "Count", "Status"} & set(replaced) == {"Key"}
    batch = things.batch_update([{"id": made, "fields": {"Count": 1}}], replace=True)
    assert {"Key", "Count"} & set(batch[0]["fields"]) == {"Count"}


def test_names_and_ids_are_interchangeable(airtable: SandboxAirtable, api: Api, things: Table) -> None:
    table, key = airtable.table_id(BASE, "Things"), airtable.field_id(BASE, "Things", "Key")
    by_id = api.table(BASE, table)
    made = by_id.create({key: "a"}, use_field_ids=True)
    assert made["fields"][key] == "a"
    assert things.first(fields=[key])["fields"] == {"Key": "a"}  # type: ignore[index]
    assert by_id.all(fields=["Key"], use_field_ids=True)[0]["fields"] == {key: "a"}
    assert by_id.all(formula=f"{{{key}}}='a'", sort=[f"-{key}"])[0]["id"] == made["id"]


def test_a_batch_is_all_or_nothing(airtable: SandboxAirtable, things: Table) -> None:
    kept = things.create({"Key": "kept"})["id"]
    with refused() as told:
        things.batch_create([{"Key": "good"}, {"Key": "bad", "Count": "many"}])
    assert (told.status, told.type) == (422, "INVALID_VALUE_FOR_COLUMN")
    assert told.message.startswith('Field "Count" cannot accept')
    changes = [{"id": kept, "fields": {"Key": "x"}}, {"id": "rec00000000000000", "fields": {}}]
    with refused() as told:
        things.batch_update(changes)  # type: ignore[arg-type]
    assert (told.status, told.type) == (422, "ROW_DOES_NOT_EXIST")
    with refused() as told:
        things.batch_delete([kept, "rec00000000000000"])
    assert told.type == "ROW_DOES_NOT_EXIST"
    assert [row["fields"]["Key"] for row in airtable.records(BASE, "Things")] == ["kept"]


def test_ten_rows_are_the_most(airtable: SandboxAirtable, things: Table) -> None:
    rows = [{"fields": {"Key": str(number)}} for number in range(11)]
    with refused() as told:
        things.api.post(things.urls.records, json={"records": rows})
    assert (told.status, told.type) == (422, "INVALID_RECORDS")
    with refused() as told:
        things.api.patch(things.urls.records, json={"records": []})
    assert told.type == "INVALID_RECORDS"
    things.api.post(things.urls.records, json={"records": rows[:10]})
    ids = [row["id"] for row in airtable.records(BASE, "Things")]
    assert things.batch_delete(ids) == [{"id": one, "deleted": True} for one in ids]
    assert airtable.ledger().deleted[BASE]["Things"] == 10


def test_one_record_is_changed_once_in_a_request(things: Table) -> None:
    made = things.create({"Key": "a"})["id"]
    with refused() as told:
        things.batch_update([{"id": made, "fields": {"Count": number}} for number in (1, 2)])
    assert told.type == "INVALID_RECORDS"


def test_a_record_that_is_gone(airtable: SandboxAirtable, things: Table) -> None:
    made = things.create({"Key": "a"})["id"]
    airtable.delete(BASE, "Things", made)
    for attempt in (
        lambda: things.get(made),
        lambda: things.update(made, {"Key": "b"}),
        lambda: things.delete(made),
    ):
        with refused() as told:
            attempt()
        assert (told.status, told.type) == (404, "MODEL_ID_NOT_FOUND")


def test_what_is_not_there_looks_like_what_is_not_allowed(api: Api) -> None:
    for base, table in ((BASE, "Nothing"), ("appNobodyKnows001", "Things"), (OTHER, "Parts")):
        with refused() as told:
            api.table(base, table).all()
        assert (told.status, told.type) == (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")


def test_only_the_token_is_let_in(airtable: SandboxAirtable) -> None:
    stranger = make_api(airtable, "pat.of.somebody.else")
    with refused() as told:
        stranger.table(BASE, "Things").create({"Key": "a"})
    stranger.session.close()
    assert (told.status, told.type) == (401, "AUTHENTICATION_REQUIRED")
    assert airtable.records(BASE, "Things") == []


def test_unknown_fields_are_named(things: Table) -> None:
    with refused() as told:
        things.create({"Key": "a", "key": "b"})
    assert (told.status, told.type, told.message) == (
        422,
        "UNKNOWN_FIELD_NAME",
        'Unknown field name: "key"',
    )
    with refused() as told:
        things.all(fields=["Nope"])
    assert told.type == "UNKNOWN_FIELD_NAME"


def test_a_field_named_twice_is_no_request(airtable: SandboxAirtable, things: Table) -> None:
    with refused() as told:
        things.create({"Key": "a", airtable.field_id(BASE, "Things", "Key"): "b"})
    assert told.type == "INVALID_REQUEST_UNKNOWN"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"records": 1}', b'{"fields": {"Count": NaN}}'])
def test_bodies_that_make_no_sense(things: Table, body: bytes) -> None:
    answer = things.api.session.post(things.urls.records, data=body, timeout=5)
    assert answer.status_code == 422
    assert answer.json()["error"]["type"].startswith("INVALID_RE")


def test_table_names_with_slashes_and_spaces(airtable: SandboxAirtable, api: Api) -> None:
    airtable.rename_table(BASE, "Things", "Things & more / less %2F ü")
    table = api.table(BASE, "Things & more / less %2F ü")
    assert table.create({"Key": "a"})["fields"]["Key"] == "a"
    assert table.all(formula="{Key}='a'")[0]["fields"]["Key"] == "a"


def test_a_base_takes_only_so_many_records() -> None:
    with SandboxAirtable(token=TOKEN, bases=specs(), base_requests=0, base_records=3) as small:
        api = make_api(small)
        api.table(BASE, "Things").batch_create([{"Key": "a"}, {"Key": "b"}])
        with refused() as told:
            api.table(BASE, "Parts").batch_create([{"Part": "a"}, {"Part": "b"}])
        api.table(BASE, "Parts").batch_create([{"Part": "a"}])
        api.session.close()
        assert told.status == 422
        assert small.ledger().rows[BASE] == {"Things": 2, "Parts": 1}
