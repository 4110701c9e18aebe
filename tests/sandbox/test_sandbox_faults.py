"""Faults on demand: what the caller sees, and what really happened."""

import json
import time
from collections.abc import Callable
from typing import Any

import impit
import pytest
from apify_client import ApifyClient
from apify_client.errors import ApifyApiError, InvalidResponseBodyError, RateLimitError, ServerError
from hypothesis import given
from hypothesis import strategies as st

from harvester.sandbox.apify import Fault, SandboxApify
from harvester.sandbox.apify.faults import FaultBook

from .conftest import ACTOR
from .test_sandbox_wire import send

Start = Callable[..., Any]
STARTS = "/v2/actors/*/runs"


def test_a_lost_answer_leaves_a_run_that_the_caller_does_not_know_of(
    apify: SandboxApify, client: ApifyClient, start: Start
) -> None:
    apify.inject("answer-lost", method="POST", path=STARTS)
    with pytest.raises(impit.HTTPError):
        start("marlowe-1", extra={"marker": "m-1"})
    ledger = apify.ledger()
    assert [(entry.answered, entry.input["marker"]) for entry in ledger.starts] == [(False, "m-1")]
    assert ledger.answers["POST /v2/actors/<actor>/runs 0"] == 1
    listed = client.http_client.call(method="GET", url=f"{apify.url}/v2/actor-runs").json()["data"]
    assert [row["id"] for row in listed["items"]] == [ledger.starts[0].run_id]


def test_a_reset_connection_leaves_nothing(apify: SandboxApify, start: Start) -> None:
    apify.inject("reset", method="POST", path=STARTS)
    with pytest.raises(impit.HTTPError):
        start("marlowe-2")
    assert apify.ledger().starts == []
    start("marlowe-2")
    assert apify.ledger().starts_by_target() == {"https://www.linkedin.com/in/marlowe-2": 1}


@pytest.mark.parametrize(
    ("kind", "how", "error", "status", "error_type"),
    [
        ("rate-limit", {}, RateLimitError, 429, "rate-limit-exceeded"),
        ("server-error", {"status": 502}, ServerError, 502, "internal-server-error"),
        ("memory-limit", {}, ApifyApiError, 402, "actor-memory-limit-exceeded"),
        ("concurrency-limit", {}, ApifyApiError, 402, "concurrent-runs-limit-exceeded"),
        ("refused", {}, ApifyApiError, 403, "platform-feature-disabled"),
        (
            "refused",
            {"status": 402, "type": "actor-is-not-rented"},
            ApifyApiError,
            402,
            "actor-is-not-rented",
        ),
    ],
)
def test_refusals_carry_their_types_and_have_no_effect(
    apify: SandboxApify,
    start: Start,
    kind: Any,
    how: Any,
    error: type[ApifyApiError],
    status: int,
    error_type: str,
) -> None:
    apify.inject(kind, **how)
    with pytest.raises(error) as caught:
        start("marlowe-3")
    assert (caught.value.status_code, caught.value.type) == (status, error_type)
    assert apify.ledger().starts == []
    start("marlowe-3")
    assert len(apify.ledger().starts) == 1


def test_the_client_rides_out_a_few_server_errors(apify: SandboxApify) -> None:
    apify.faults = [Fault(kind="server-error", status=503, times=1, path="/v2/users/me")]
    patient = ApifyClient("t0ken", api_url=apify.url, max_retries=2)
    assert patient.user().get() is not None
    assert apify.ledger().calls == {"GET /v2/users/me": 2}
    assert apify.ledger().answers == {"GET /v2/users/me 503": 1, "GET /v2/users/me 200": 1}


def test_a_page_can_come_truncated(apify: SandboxApify, client: ApifyClient, start: Start) -> None:
    run = start("prolific-4", max_posts=20)
    client.run(run.id).wait_for_finish()
    apify.inject("truncated", path="/v2/datasets/*/items")
    with pytest.raises(InvalidResponseBodyError):
        client.dataset(run.default_dataset_id).list_items()
    assert len(client.dataset(run.default_dataset_id).list_items().items) == 20


def test_answers_can_be_slow(apify: SandboxApify, client: ApifyClient) -> None:
    apify.inject("slow", seconds=0.3, path="/v2/users/me")
    began = time.monotonic()
    client.user().get()
    assert time.monotonic() - began >= 0.3


def test_runs_can_be_slow(apify: SandboxApify, client: ApifyClient, start: Start) -> None:
    apify.inject("run-slow", seconds=60.0, match="slow-one")
    slow, quick = start("slow-one"), start("quick-one")
    assert client.run(quick.id).wait_for_finish() is not None
    still = client.run(slow.id).get()
    assert still is not None
    assert still.status == "RUNNING"


def test_faults_and_the_ledger_are_reached_over_http(apify: SandboxApify, start: Start) -> None:
    rules = [{"kind": "rate-limit", "path": "/v2/users/*", "times": 2}]
    assert send(apify, "PUT", "/sandbox/faults", json.dumps(rules).encode(), token=None)[0] == 200
    assert [send(apify, "GET", "/v2/users/me")[0] for _ in range(3)] == [429, 429, 200]
    start("marlowe-5", extra={"marker": "m-5"})
    seen = json.loads(send(apify, "GET", "/sandbox/ledger?marker=marker")[2])["data"]
    assert seen["starts_by_marker"] == {"m-5": 1}
    assert seen["calls"]["GET /v2/users/me"] == 3
    assert send(apify, "POST", "/sandbox/reset")[0] == 204
    assert json.loads(send(apify, "GET", "/sandbox/faults")[2])["data"] == []


@pytest.mark.parametrize(
    "rules", [b"{", b"{}", b"[1]", b'[{"kind": "mischief"}]', b'[{"kind": "slow", "unknown": 1}]']
)
def test_faults_that_make_no_sense_are_refused(apify: SandboxApify, rules: bytes) -> None:
    assert send(apify, "PUT", "/sandbox/faults", rules)[0] == 400
    assert apify.faults == []


@given(skip=st.integers(0, 5), times=st.integers(0, 5), asked=st.integers(0, 15))
def test_a_fault_fires_exactly_as_often_as_told(skip: int, times: int, asked: int) -> None:
    book = FaultBook(seed=1)
    book.put([Fault(kind="slow", path="/v2/*/runs", method="POST", skip=skip, times=times)])
    for _ in range(asked):
        assert book.take("slow", method="GET", path="/v2/a/runs") == []
        assert book.take("reset", method="POST", path="/v2/a/runs") == []
    fired = [bool(book.take("slow", method="POST", path="/v2/a/runs")) for _ in range(asked)]
    assert fired == [skip <= place < skip + times for place in range(asked)]


def test_chance_falls_the_same_way_for_the_same_seed() -> None:
    def draws(seed: int) -> list[bool]:
        book = FaultBook(seed)
        book.put([Fault(kind="slow", probability=0.3)])
        return [bool(book.take("slow")) for _ in range(200)]

    assert draws(1) == draws(1) != draws(2)
    assert 30 < sum(draws(1)) < 90


def test_actors_of_other_names_can_be_configured() -> None:
    with SandboxApify(token="t0ken", run_seconds=0.05, actors=(ACTOR, "someone/posts")) as apify:
        run = ApifyClient("t0ken", api_url=apify.url).actor("someone/posts").start(run_input={})
        assert apify.ledger().starts[0].actor == "someone/posts"
        assert run.act_id
