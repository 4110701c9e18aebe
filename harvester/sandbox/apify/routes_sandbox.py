"""Endpoints that the real API does not have: the ledger of what happened, faults, exact datasets, reset."""

from dataclasses import asdict
from typing import Any

from harvester.sandbox.apify.faults import Fault
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Route
from harvester.sandbox.apify.wire import Answer, ApiError, Call, data
from harvester.sandbox.wire import loads


def ledger(platform: Platform, call: Call) -> Answer:
    """Everything that happened; `?marker=KEY` groups the starts by that key of their INPUT."""
    snapshot = platform.ledger()
    view = asdict(snapshot) | {"starts_by_target": snapshot.starts_by_target()}
    marker = call.query.text("marker")
    return data(view | ({"starts_by_marker": snapshot.starts_by(marker)} if marker else {}))


def get_faults(platform: Platform, call: Call) -> Answer:
    """The faults in force."""
    return data(platform.faults.as_json())


def put_faults(platform: Platform, call: Call) -> Answer:
    """Replace the faults by a JSON list of them."""
    try:
        platform.faults.put([Fault.parse(given) for given in _list(call)])
    except (TypeError, ValueError) as error:
        raise ApiError(400, "invalid-input", str(error)) from error
    return data(platform.faults.as_json())


def put_items(platform: Platform, call: Call, run: str) -> Answer:
    """Give a run exactly the items of a JSON list."""
    items = _list(call)
    platform.put_items(run, items)
    return data({"itemCount": len(items)}, 201)


def reset(platform: Platform, call: Call) -> Answer:
    """Forget everything."""
    platform.reset()
    return Answer(204)


def _list(call: Call) -> list[Any]:
    try:
        given = loads(call.body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "invalid-input", "The body must be JSON.") from error
    if not isinstance(given, list):
        raise ApiError(400, "invalid-input", "The body must be a JSON list.")
    return given


ROUTES: list[Route] = [
    ("GET", "/sandbox/ledger", ledger),
    ("GET", "/sandbox/faults", get_faults),
    ("PUT", "/sandbox/faults", put_faults),
    ("POST", "/sandbox/runs/<run>/items", put_items),
    ("POST", "/sandbox/reset", reset),
]
