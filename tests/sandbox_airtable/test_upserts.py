"""Upserts: no match, one, several; by ID; without uniqueness; and against a plain model."""

import threading
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyairtable import Table

from harvester.sandbox.airtable import SandboxAirtable

from .conftest import BASE, make_api
from .refusals import refused


def test_no_match_creates_and_one_match_updates(airtable: SandboxAirtable, things: Table) -> None:
    rows = [{"fields": {"Key": key, "Count": 1}} for key in "abc"]
    first = things.batch_upsert(rows, ["Key"])
    assert (len(first["createdRecords"]), first["updatedRecords"]) == (3, [])
    again = things.batch_upsert([{"fields": {"Key": key, "Count": 2}} for key in "cbad"], ["Key"])
    assert len(again["createdRecords"]) == 1
    assert sorted(again["updatedRecords"]) == sorted(first["createdRecords"])
    assert [row["fields"]["Key"] for row in again["records"]] == list("cbad")
    ledger = airtable.ledger()
    assert (ledger.created[BASE]["Things"], ledger.updated[BASE]["Things"]) == (4, 3)


def test_several_matches_fail_the_whole_request(airtable: SandboxAirtable, things: Table) -> None:
    ids = [airtable.add(BASE, "Things", {"Key": "a"}) for _ in range(2)]
    with refused() as told:
        things.batch_upsert([{"fields": {"Key": "new"}}, {"fields": {"Key": "a", "Count": 1}}], ["Key"])
    assert told.status == 422
    assert "Cannot update more than one record" in told.message
    assert airtable.duplicates(BASE, "Things", "Key") == {"a": ids}
    assert airtable.ledger().duplicates == {BASE: {"Things": {"a": ids}}, "appTestWrapper002": {}}
    things.batch_upsert([{"id": ids[0], "fields": {"Key": "b"}}], ["Key"])
    assert things.batch_upsert([{"fields": {"Key": "a"}}], ["Key"])["updatedRecords"] == [ids[1]]


def test_a_known_id_goes_by_it_and_an_unknown_one_never_creates(
    airtable: SandboxAirtable, things: Table
) -> None:
    made = things.create({"Key": "a"})["id"]
    moved = things.batch_upsert([{"id": made, "fields": {"Key": "b"}}], ["Key"])
    assert moved["updatedRecords"] == [made]
    with refused() as told:
        things.batch_upsert([{"id": "rec00000000000000", "fields": {"Key": "c"}}], ["Key"])
    assert told.type == "ROW_DOES_NOT_EXIST"
    assert len(airtable.records(BASE, "Things")) == 1


def test_an_empty_key_always_creates(airtable: SandboxAirtable, things: Table) -> None:
    for _ in range(2):
        assert things.batch_upsert([{"fields": {"Key": None, "Count": 1}}], ["Key"])["createdRecords"]
    assert len(airtable.records(BASE, "Things")) == 2


def test_what_can_be_merged_on(airtable: SandboxAirtable, things: Table) -> None:
    fields: dict[str, Any] = {"Key": "a", "Count": 1, "Status": "Open", "Day": "2026-01-02", "Tags": ["red"]}
    three = ["Count", "Status", airtable.field_id(BASE, "Things", "Day")]
    row = {**fields, three[2]: fields["Day"]}
    row.pop("Day")
    assert things.batch_upsert([{"fields": row}], three)["createdRecords"]
    assert things.batch_upsert([{"fields": row}], three)["updatedRecords"]
    assert things.batch_upsert([{"fields": {"Tags": ["red"]}}], ["Tags"])["updatedRecords"]
    for wrong in (["Twice"], ["Number"], ["Done"], ["At"], [], ["Key", "Count", "Status", "Day"]):
        with refused() as told:
            things.batch_upsert([{"fields": dict.fromkeys(wrong)}], wrong)
        assert told.status == 422
    with refused() as told:
        body = {"records": [{"fields": {"Count": 1}}], "performUpsert": {"fieldsToMergeOn": ["Key"]}}
        things.api.patch(things.urls.records, json=body)
    assert told.type == "INVALID_REQUEST_UNKNOWN"


def test_one_key_twice_in_a_request_is_refused(airtable: SandboxAirtable, things: Table) -> None:
    for _ in range(2):
        with refused():
            things.batch_upsert([{"fields": {"Key": "a", "Count": n}} for n in (1, 2)], ["Key"])
        things.batch_upsert([{"fields": {"Key": "a"}}], ["Key"])
    assert len(airtable.records(BASE, "Things")) == 1


def test_an_upsert_that_replaces_clears(things: Table) -> None:
    things.create({"Key": "a", "Count": 1, "Status": "Open"})
    done = things.batch_upsert([{"fields": {"Key": "a", "Count": 2}}], ["Key"], replace=True)
    assert "Status" not in done["records"][0]["fields"]


def _race(airtable: SandboxAirtable) -> int:
    def upsert() -> None:
        api = make_api(airtable)
        api.table(BASE, "Things").batch_upsert([{"fields": {"Key": "new"}}], ["Key"])
        api.session.close()

    callers = [threading.Thread(target=upsert) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return len(airtable.records(BASE, "Things"))


def test_concurrent_upserts_create_once_unless_told_to_race(airtable: SandboxAirtable) -> None:
    assert _race(airtable) == 1
    airtable.delete(BASE, "Things", airtable.records(BASE, "Things")[0]["id"])
    airtable.inject("racy-upsert", times=None, seconds=0.5)
    assert _race(airtable) > 1
    assert list(airtable.ledger().duplicates[BASE]["Things"]) == ["new"]


KEYS = st.sampled_from(["a", "A", "b", "b ", "ü", "it's"])
ROW = st.tuples(KEYS, st.integers(0, 5))
STEP = st.one_of(
    st.tuples(st.just("upsert"), st.lists(ROW, min_size=1, max_size=4)),
    st.tuples(st.just("create"), st.lists(ROW, min_size=1, max_size=2)),
    st.tuples(st.just("rename"), st.tuples(KEYS, KEYS)),
    st.tuples(st.just("delete"), KEYS),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=1, max_size=12))
def test_upserts_do_what_a_plain_model_does(
    airtable: SandboxAirtable, things: Table, steps: list[tuple[str, Any]]
) -> None:
    for row in airtable.records(BASE, "Things"):
        airtable.delete(BASE, "Things", row["id"])
    model: list[list[Any]] = []
    for kind, given_rows in steps:
        if kind == "upsert":
            _upsert(things, model, given_rows)
        elif kind == "create":
            things.batch_create([{"Key": key, "Count": count} for key, count in given_rows])
            model += [[key, count] for key, count in given_rows]
        else:
            _by_hand(airtable, model, kind, given_rows)
        held = [row["fields"] for row in airtable.records(BASE, "Things")]
        assert Counter((row["Key"], row["Count"]) for row in held) == Counter(map(tuple, model))


def _upsert(things: Table, model: list[list[Any]], rows: list[tuple[str, int]]) -> None:
    body = [{"fields": {"Key": key, "Count": count}} for key, count in rows]
    matches = [[row for row in model if row[0] == key] for key, _ in rows]
    if any(len(found) > 1 for found in matches) or len({key for key, _ in rows}) < len(rows):
        with refused() as told:
            things.batch_upsert(body, ["Key"])
        assert told.status == 422
        return
    things.batch_upsert(body, ["Key"])
    for found, (key, count) in zip(matches, rows, strict=True):
        if found:
            found[0][1] = count
        else:
            model.append([key, count])


def _by_hand(airtable: SandboxAirtable, model: list[list[Any]], kind: str, told: Any) -> None:
    key = told if kind == "delete" else told[0]
    rows = [row for row in airtable.records(BASE, "Things") if row["fields"]["Key"] == key]
    for row in rows:
        if kind == "delete":
            airtable.delete(BASE, "Things", row["id"])
        else:
            airtable.edit(BASE, "Things", row["id"], {"Key": told[1]})
    if kind == "delete":
        model[:] = [row for row in model if row[0] != key]
    else:
        model[:] = [[told[1], row[1]] if row[0] == key else row for row in model]
