"""Endpoints of records: list, read, create, change, merge, delete."""

from collections.abc import Mapping
from typing import Any

from harvester.sandbox.airtable.errors import (
    bad_request,
    iterator_gone,
    no_such_record,
    no_such_row,
    not_found,
)
from harvester.sandbox.airtable.listing import Wanted, from_query, wanted
from harvester.sandbox.airtable.model import Record, Table
from harvester.sandbox.airtable.platform import Platform
from harvester.sandbox.airtable.views import shown
from harvester.sandbox.airtable.wire import Call, json_answer
from harvester.sandbox.airtable.writes import (
    MOST,
    plan_creation,
    plan_update,
    plan_upsert,
    row_list,
)
from harvester.sandbox.server import Answer


def of_table(platform: Platform, call: Call, table: Table) -> Answer:
    """Requests to `/v0/<base>/<table>`."""
    if call.method == "GET":
        return _listed(platform, call, table, from_query(call, table))
    if call.method == "POST":
        return _created(platform, call, table)
    if call.method in ("PATCH", "PUT"):
        return _changed(platform, call, table)
    if call.method == "DELETE":
        return _deleted(call, table, call.query.get("records[]", []) + call.query.get("records", []))
    raise not_found()


def of_list(platform: Platform, call: Call, table: Table) -> Answer:
    """Requests to `/v0/<base>/<table>/listRecords`, where the options of a list are in the body."""
    if call.method != "POST":
        raise not_found()
    return _listed(platform, call, table, wanted(call.json(), table))


def of_record(platform: Platform, call: Call, table: Table, record_id: str) -> Answer:
    """Requests to `/v0/<base>/<table>/<record>`."""
    record = table.records.get(record_id)
    if record is None:
        raise no_such_record()
    call.rows = 1
    if call.method == "GET":
        return json_answer(shown(table, record, by_id=call.text("returnFieldsByFieldId") in ("1", "true")))
    if call.method in ("PATCH", "PUT"):
        body = call.json()
        row = {"id": record_id, "fields": _object(body.get("fields"))}
        plan = plan_update(table, [row], typecast=_typecast(body), replace=call.method == "PUT")
        plan.carry_out()
        return json_answer(shown(table, record, by_id=_by_id(body)))
    if call.method == "DELETE":
        table.remove(record)
        return json_answer({"id": record_id, "deleted": True})
    raise not_found()


def _listed(platform: Platform, call: Call, table: Table, asked: Wanted) -> Answer:
    if asked.offset and platform.faults.take(call.occasion(), "iterator-expired"):
        raise iterator_gone()
    records, offset = platform.iterators.page(table, asked)
    call.rows = len(records)
    extra = {"commentCount": 0} if asked.metadata else {}
    rows = [shown(table, one, by_id=asked.by_id, only=asked.fields) | extra for one in records]
    return json_answer({"records": rows} | ({"offset": offset} if offset else {}))


def _created(platform: Platform, call: Call, table: Table) -> Answer:
    body = call.json()
    if ("records" in body) == ("fields" in body):
        raise bad_request("either records or fields")
    rows = row_list(body) if "records" in body else [{"fields": _object(body["fields"])}]
    plan = plan_creation(table, rows, typecast=_typecast(body))
    plan.check_room(platform.options.base_records)
    done = [record for record, _ in plan.carry_out()]
    call.rows = len(done)
    views = [shown(table, one, by_id=_by_id(body)) for one in done]
    return json_answer({"records": views} if "records" in body else views[0])


def _changed(platform: Platform, call: Call, table: Table) -> Answer:
    body = call.json()
    how = {"typecast": _typecast(body), "replace": call.method == "PUT"}
    rows, merge_on = row_list(body), body.get("performUpsert")
    if merge_on is None:
        done = plan_update(table, rows, **how).carry_out()
        call.rows = len(done)
        return json_answer({"records": _views(table, done, body)})
    plan = plan_upsert(table, rows, merge_on, **how)
    plan.check_room(platform.options.base_records)
    _let_others_in(platform, call, table)
    done = plan.carry_out()
    call.rows = len(done)
    new = [record.id for record, is_new in done if is_new]
    old = [record.id for record, is_new in done if not is_new]
    return json_answer({"records": _views(table, done, body), "createdRecords": new, "updatedRecords": old})


def _let_others_in(platform: Platform, call: Call, table: Table) -> None:
    """Between the search for matches and the write, if a fault wants it: Airtable promises nothing."""
    if fault := platform.faults.take(call.occasion(), "racy-upsert"):
        table.base.lock.release()
        platform.closing.wait(fault.seconds)
        table.base.lock.acquire()


def _deleted(call: Call, table: Table, ids: list[str]) -> Answer:
    if not 1 <= len(ids) <= MOST or len(set(ids)) != len(ids):
        raise bad_request("records[]")
    records = [table.records.get(one) for one in ids]
    for name, record in zip(ids, records, strict=True):
        if record is None:
            raise no_such_row(name)
    for record in records:
        if record is not None:
            table.remove(record)
    call.rows = len(ids)
    return json_answer({"records": [{"id": one, "deleted": True} for one in ids]})


def _views(table: Table, done: list[tuple[Record, bool]], body: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [shown(table, record, by_id=_by_id(body)) for record, _ in done]


def _typecast(body: Mapping[str, Any]) -> bool:
    return body.get("typecast") is True


def _by_id(body: Mapping[str, Any]) -> bool:
    return body.get("returnFieldsByFieldId") is True


def _object(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise bad_request("fields")
    return given
