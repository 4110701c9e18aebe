"""Endpoints that the real API does not have: the ledger of what happened, records, faults, reset."""

from typing import Any

from harvester.sandbox.airtable.errors import bad_request, not_found
from harvester.sandbox.airtable.faults import Fault
from harvester.sandbox.airtable.platform import Platform
from harvester.sandbox.airtable.views import shown
from harvester.sandbox.airtable.wire import Call, json_answer
from harvester.sandbox.server import Answer
from harvester.sandbox.wire import loads


def of_sandbox(platform: Platform, call: Call) -> Answer:
    """Requests to `/sandbox/…`: neither token nor limit, and not counted."""
    match (call.method, *call.parts[1:]):
        case ("GET", "ledger"):
            return json_answer(_ledger(platform))
        case ("GET", "records", base, table):
            return json_answer(records(platform, base, table))
        case ("GET", "faults"):
            return json_answer(platform.faults.as_json())
        case ("PUT", "faults"):
            return _put_faults(platform, call)
        case ("POST", "reset"):
            platform.reset()
            return Answer(204)
    raise not_found()


def records(platform: Platform, base: str, table: str) -> list[dict[str, Any]]:
    """All records of a table, oldest first, computed fields and all."""
    found = platform.table(base, table)
    with found.base.lock:
        held = sorted(found.records.values(), key=lambda record: record.number)
        return [shown(found, record) for record in held]


def _ledger(platform: Platform) -> dict[str, Any]:
    ledger = platform.ledger()
    counts = {name: getattr(ledger, name) for name in ("rows", "created", "updated", "deleted", "duplicates")}
    names = {base.id: base.name for base in platform.bases()}
    return {"requests": ledger.by_route(), "too_many": ledger.too_many, "bases": names, **counts}


def _put_faults(platform: Platform, call: Call) -> Answer:
    try:
        given = loads(call.body)
        faults = [Fault.parse(one) for one in given] if isinstance(given, list) else None
    except (TypeError, ValueError, RecursionError) as error:
        raise bad_request(str(error)) from error
    if faults is None:
        raise bad_request("a list of faults")
    platform.faults.put(faults)
    return json_answer(platform.faults.as_json())
