"""Faults on demand: what the caller sees, and what really happened."""

import threading
import time
from typing import Any

import pytest
import requests
from pyairtable import Api, Table

from harvester.sandbox.airtable import Fault, SandboxAirtable

from .conftest import BASE, OTHER, make_api
from .refusals import refused


def _rows(airtable: SandboxAirtable) -> int:
    return len(airtable.records(BASE, "Things"))


def test_a_lost_answer_leaves_what_was_done(airtable: SandboxAirtable, things: Table) -> None:
    airtable.inject("answer-lost", method="PATCH", table="Things")
    row = [{"fields": {"Key": "a"}}]
    with pytest.raises(requests.ConnectionError):
        things.batch_upsert(row, ["Key"])
    assert _rows(airtable) == 1
    assert airtable.ledger().calls(method="PATCH", status=0) == 1
    assert things.batch_upsert(row, ["Key"])["updatedRecords"]
    assert _rows(airtable) == 1


def test_a_late_answer_comes_after_what_was_done(airtable: SandboxAirtable, api: Api) -> None:
    api.timeout = (5, 1)
    airtable.inject("answer-late", seconds=1.5)
    with pytest.raises(requests.ReadTimeout):
        api.table(BASE, "Things").create({"Key": "a"})
    assert _rows(airtable) == 1


def test_a_slow_request_is_done_late(airtable: SandboxAirtable, api: Api) -> None:
    api.timeout = (5, 1)
    airtable.inject("slow", seconds=1.5)
    with pytest.raises(requests.ReadTimeout):
        api.table(BASE, "Things").create({"Key": "a"})
    assert _rows(airtable) == 0
    deadline = time.monotonic() + 10
    while _rows(airtable) == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _rows(airtable) == 1


@pytest.mark.parametrize(("kind", "rows"), [("bad-gateway", 0), ("bad-gateway-after", 1)])
def test_a_bad_gateway_says_nothing_about_what_was_done(
    airtable: SandboxAirtable, things: Table, kind: Any, rows: int
) -> None:
    airtable.inject(kind)
    with pytest.raises(requests.HTTPError) as caught:
        things.create({"Key": "a"})
    answer = caught.value.response
    assert answer is not None
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")
    assert answer.text.startswith("<html>")
    assert _rows(airtable) == rows


@pytest.mark.parametrize(
    ("kind", "how", "status", "refusal", "headers"),
    [
        ("unavailable", {}, 503, "RETRIABLE_ERROR", {}),
        ("unavailable", {"retry_after": 7}, 503, "RETRIABLE_ERROR", {"Retry-After": "7"}),
        ("unauthorized", {}, 401, "AUTHENTICATION_REQUIRED", {}),
        ("forbidden", {}, 403, "INVALID_PERMISSIONS", {}),
        ("capped", {}, 429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", {}),
    ],
)
def test_refusals_have_no_effect(
    airtable: SandboxAirtable, api: Api, kind: Any, how: Any, status: int, refusal: str, headers: Any
) -> None:
    airtable.inject(kind, times=2, base=BASE, **how)
    for _ in range(2):
        url = f"{airtable.url}/v0/{BASE}/Things"
        answer = api.session.post(url, json={"fields": {"Key": "a"}}, timeout=5)
        assert (answer.status_code, answer.json()["error"]["type"]) == (status, refusal)
        assert answer.headers.get("Retry-After") == headers.get("Retry-After")
    assert api.table(OTHER, "Things").create({"Key": "b"})
    assert api.table(BASE, "Things").create({"Key": "a"})
    assert _rows(airtable) == 1


def test_a_reset_connection_leaves_nothing(airtable: SandboxAirtable, things: Table) -> None:
    airtable.inject("reset", method="POST")
    with pytest.raises(requests.ConnectionError):
        things.create({"Key": "a"})
    assert _rows(airtable) == 0
    assert things.create({"Key": "a"})


def test_one_base_may_be_down_for_good_while_others_work(airtable: SandboxAirtable, api: Api) -> None:
    airtable.inject("unavailable", base=BASE, times=None)
    for _ in range(3):
        with refused() as told:
            api.base(BASE).schema(force=True)
        assert told.status == 503
        api.table(OTHER, "Things").first()
    airtable.faults = []
    assert api.base(BASE).schema(force=True)


def test_all_may_be_dark(airtable: SandboxAirtable, api: Api, things: Table) -> None:
    things.create({"Key": "a"})
    with airtable.dark():
        with pytest.raises(requests.ConnectionError):
            things.first()
        with pytest.raises(requests.ConnectionError):
            api.whoami()
    assert things.first()


def test_a_share_of_the_requests_is_hit_and_repeatably_so(airtable: SandboxAirtable, things: Table) -> None:
    hits = []
    for _ in range(2):
        with SandboxAirtable(token="t", seed=5, base_requests=0, token_requests=0) as sandbox:
            sandbox.inject("unavailable", probability=0.3, times=None)
            answers = [requests.get(f"{sandbox.url}/v0/meta/whoami", timeout=5) for _ in range(60)]
            hits.append([answer.status_code for answer in answers])
    assert hits[0] == hits[1]
    assert 5 < hits[0].count(503) < 35


@pytest.mark.parametrize("given", [{"kind": "earthquake"}, {"kind": "slow", "colour": 1}, "slow"])
def test_unknown_faults_are_refused(airtable: SandboxAirtable, given: Any) -> None:
    with pytest.raises(ValueError, match=r"kind must be|unknown keys|must be an object"):
        Fault.parse(given)
    answer = requests.put(f"{airtable.url}/sandbox/faults", json=[given], timeout=5)
    assert answer.status_code == 422
    with pytest.raises(ValueError, match="kind must be"):
        airtable.inject("earthquake")  # type: ignore[arg-type]


@pytest.mark.slow
def test_many_callers_at_once_and_answers_that_get_lost(airtable: SandboxAirtable) -> None:
    airtable.inject("answer-lost", method="PATCH", probability=0.1, times=None)
    lost: list[int] = []

    def caller(number: int) -> None:
        api = make_api(airtable)
        table = api.table(BASE, "Things")
        for place in range(8):
            rows = [{"fields": {"Key": f"{number}-{place}-{one}"}} for one in range(10)]
            while True:
                try:
                    table.batch_upsert(rows, ["Key"])
                    break
                except requests.ConnectionError:
                    lost.append(number)
        api.session.close()

    callers = [threading.Thread(target=caller, args=(number,)) for number in range(64)]
    for one in callers:
        one.start()
    for one in callers:
        one.join()
    ledger = airtable.ledger()
    assert ledger.rows[BASE]["Things"] == ledger.created[BASE]["Things"] == 64 * 80
    assert ledger.duplicates[BASE] == {}
    assert len(lost) == ledger.calls(status=0) > 0
