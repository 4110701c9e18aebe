"""Endpoints of datasets and key-value stores."""

import time
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.router import Route
from harvester.sandbox.apify.run_json import dataset_object, store_object
from harvester.sandbox.apify.runs import ActorRun
from harvester.sandbox.apify.wire import Answer, ApiError, Call, Query, data
from harvester.sandbox.wire import JSON_TYPE, dumps

#: What Apify reports as the limit when none was given.
_NO_LIMIT = 999_999_999_999
_BLOCK = 1000
_NOT_SERVED = ("unwind", "flatten", "view", "outputFields", "simplified", "skipFailedPages")


def get_dataset(platform: Platform, call: Call, dataset: str) -> Answer:
    """A dataset by its id; its counts lag behind its items."""
    return _dataset(platform, call, _by_dataset(platform, dataset))


def get_run_dataset(platform: Platform, call: Call, run: str) -> Answer:
    """A run's default dataset."""
    return _dataset(platform, call, platform.run(run))


def get_items(platform: Platform, call: Call, dataset: str) -> Answer:
    """Items of a dataset."""
    return _items(platform, call, _by_dataset(platform, dataset))


def get_run_items(platform: Platform, call: Call, run: str) -> Answer:
    """Items of a run's default dataset."""
    return _items(platform, call, platform.run(run))


def _by_dataset(platform: Platform, dataset_id: str) -> ActorRun:
    with platform.lock:
        found = platform.by_dataset.get(dataset_id)
    if found is None:
        raise ApiError(404, "record-not-found", "Dataset was not found")
    return found


def _admitted(platform: Platform, run: ActorRun) -> int:
    lag = platform.options.scaled(platform.options.item_count_lag_seconds)
    return run.dataset.count(time.monotonic() - lag)


def _dataset(platform: Platform, call: Call, run: ActorRun) -> Answer:
    with platform.lock:
        return data(dataset_object(run, platform.user_id, _admitted(platform, run), call.base_url))


def _items(platform: Platform, call: Call, run: ActorRun) -> Answer:
    query = call.query
    form = query.text("format", "json")
    if form not in ("json", "jsonl") or any(query.text(name) for name in _NOT_SERVED):
        raise ApiError(501, "not-implemented", "The sandbox does not serve this form of a dataset.")
    offset, limit, desc = query.integer("offset") or 0, query.integer("limit"), query.flag("desc")
    with platform.lock:
        run.dataset.read_count += 1
        there, admitted = run.dataset.count(time.monotonic()), _admitted(platform, run)
    start = min(offset, there)
    stop = there if limit is None else min(there, offset + limit)
    headers = {
        "Content-Type": JSON_TYPE if form == "json" else "application/jsonl; charset=utf-8",
        "X-Apify-Pagination-Offset": str(offset),
        "X-Apify-Pagination-Limit": str(_NO_LIMIT if limit is None else limit),
        "X-Apify-Pagination-Count": str(max(0, stop - start)),
        "X-Apify-Pagination-Total": str(admitted),
        "X-Apify-Pagination-Desc": str(desc).lower(),
    }
    rows = _shaped(query, _stored(run, start, stop, there, desc))
    body = b"" if call.method == "HEAD" else (_json if form == "json" else _jsonl)(rows, stop - start)
    return Answer(200, body, headers)


def _stored(run: ActorRun, start: int, stop: int, there: int, desc: bool) -> Iterator[Any]:
    if not desc:
        return run.dataset.read(start, stop)
    return iter(list(run.dataset.read(there - stop, there - start))[::-1])


def _shaped(query: Query, rows: Iterator[Any]) -> Iterator[Any]:
    fields, omit = query.names("fields"), set(query.names("omit"))
    clean = query.flag("clean")
    if clean or query.flag("skipHidden"):
        rows = (_without(row, lambda name: name.startswith("#")) for row in rows)
    if fields:
        rows = ({name: row[name] for name in fields if name in row} if _object(row) else row for row in rows)
    if omit:
        rows = (_without(row, omit.__contains__) for row in rows)
    if clean or query.flag("skipEmpty"):
        rows = (row for row in rows if row)
    return rows


def _object(row: Any) -> bool:
    return isinstance(row, dict)


def _without(row: Any, unwanted: Callable[[str], bool]) -> Any:
    return {name: value for name, value in row.items() if not unwanted(name)} if _object(row) else row


def _json(rows: Iterator[Any], count: int) -> bytes | Iterator[bytes]:
    if count <= _BLOCK:
        return dumps(list(rows))
    blocks = (dumps(block)[1:-1] for block in _blocks(rows))
    separated = (block if place == 0 else b"," + block for place, block in enumerate(blocks))
    return chain([b"["], separated, [b"]"])


def _jsonl(rows: Iterator[Any], count: int) -> bytes | Iterator[bytes]:
    lines = (b"".join(dumps(row) + b"\n" for row in block) for block in _blocks(rows))
    return b"".join(lines) if count <= _BLOCK else lines


def _blocks(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while block := list(islice(rows, _BLOCK)):
        yield block


def get_store(platform: Platform, call: Call, store: str) -> Answer:
    """A key-value store."""
    return data(store_object(_by_store(platform, store), platform.user_id, call.base_url))


def get_record(platform: Platform, call: Call, store: str, key: str) -> Answer:
    """A record of a store; there is only INPUT."""
    return _record(_by_store(platform, store), key)


def get_run_record(platform: Platform, call: Call, run: str, key: str) -> Answer:
    """A record of a run's default store."""
    return _record(platform.run(run), key)


def _by_store(platform: Platform, store_id: str) -> ActorRun:
    with platform.lock:
        found = platform.by_store.get(store_id)
    if found is None:
        raise ApiError(404, "record-not-found", "Key-value Store was not found")
    return found


def _record(run: ActorRun, key: str) -> Answer:
    if key != "INPUT":
        raise ApiError(404, "record-not-found", f"Record with key {key!r} was not found")
    return Answer(200, run.input_body, {"Content-Type": run.input_type})


ROUTES: list[Route] = [
    ("GET", "/v2/datasets/<dataset>", get_dataset),
    ("GET", "/v2/datasets/<dataset>/items", get_items),
    ("GET", "/v2/actor-runs/<run>/dataset", get_run_dataset),
    ("GET", "/v2/actor-runs/<run>/dataset/items", get_run_items),
    ("GET", "/v2/key-value-stores/<store>", get_store),
    ("GET", "/v2/key-value-stores/<store>/records/<key>", get_record),
    ("GET", "/v2/actor-runs/<run>/key-value-store/records/<key>", get_run_record),
]
