"""Webhooks of the sandbox, received by a real server."""

import json
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from apify_client import ApifyClient

from harvester.sandbox.apify import SandboxApify

from .conftest import ACTOR
from .receiver import Received, Receiver
from .test_sandbox_wire import send

TERMINAL = ["ACTOR.RUN.SUCCEEDED", "ACTOR.RUN.FAILED", "ACTOR.RUN.ABORTED", "ACTOR.RUN.TIMED_OUT"]
Start = Callable[..., Any]


def hook(receiver: Receiver, **more: Any) -> Any:
    return {"event_types": TERMINAL, "request_url": receiver.url, **more}


def one(got: list[Received]) -> bool:
    return len(got) >= 1


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.01)


def test_the_default_payload_has_five_keys_and_a_snapshot_of_the_run(
    apify: SandboxApify, client: ApifyClient, start: Start, receiver: Receiver
) -> None:
    run = start("marlowe-1", webhooks=[hook(receiver)])
    got = receiver.wait(one)[0]
    payload = got.payload
    assert list(payload) == ["userId", "createdAt", "eventType", "eventData", "resource"]
    assert payload["eventType"] == "ACTOR.RUN.SUCCEEDED"
    assert payload["eventData"] == {"actorId": run.act_id, "actorRunId": run.id}
    assert (payload["resource"]["id"], payload["resource"]["status"]) == (run.id, "SUCCEEDED")
    assert payload["userId"] == run.user_id
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-apify-webhook"]
    assert got.headers["x-apify-request-origin"] == "WEBHOOK"
    until(lambda: apify.ledger().dispatches_by_status == {"SUCCEEDED": 1})
    dispatch = client.webhook_dispatch(got.dispatch_id).get()
    assert dispatch is not None
    assert (dispatch.status, dispatch.event_type) == ("SUCCEEDED", "ACTOR.RUN.SUCCEEDED")
    assert dispatch.calls is not None
    assert (dispatch.calls[0].response_status, dispatch.calls[0].response_body) == (200, "thanks")
    listed = client.webhook_dispatches().list(desc=True, limit=1).items[0]
    assert listed.event_data is not None
    assert listed.event_data.actor_run_id == run.id
    of_hook = client.webhook(dispatch.webhook_id).dispatches().list()
    assert [item.id for item in of_hook.items] == [got.dispatch_id]


def test_templates_shape_payload_and_headers_but_not_the_fixed_ones(start: Start, receiver: Receiver) -> None:
    payload = '{"run": {{resource.id}}, "code": {{resource.exitCode}}, "text": "{{eventType}}", "job": "j-1"}'
    headers = '{"Authorization": "Bearer s3cret", "content-type": "text/plain", "X-Apify-Webhook": "forged"}'
    run = start("marlowe-2", webhooks=[hook(receiver, payload_template=payload, headers_template=headers)])
    got = receiver.wait(one)[0]
    # Exit code 0 comes out as null: Apify's own defect.
    assert got.payload == {"run": run.id, "code": None, "text": "{{eventType}}", "job": "j-1"}
    assert got.headers["authorization"] == "Bearer s3cret"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["x-apify-webhook"] != "forged"


def test_strings_are_interpolated_when_asked_for(start: Start, receiver: Receiver) -> None:
    payload = '{"code": "{{resource.exitCode}}", "text": "ended: {{eventType}}"}'
    headers = '{"X-Run": "{{resource.id}}"}'
    more = {"payload_template": payload, "headers_template": headers, "should_interpolate_strings": True}
    run = start("marlowe-3", webhooks=[hook(receiver, **more)])
    got = receiver.wait(one)[0]
    assert got.payload == {"code": 0, "text": "ended: ACTOR.RUN.SUCCEEDED"}
    assert got.headers["x-run"] == run.id


def test_a_failed_delivery_comes_again_with_the_same_dispatch(
    apify: SandboxApify, start: Start, receiver: Receiver
) -> None:
    receiver.statuses = [500, 401, 302, 204]
    start("marlowe-4", webhooks=[hook(receiver)])
    got = receiver.wait(lambda got: len(got) >= 4)
    assert len({(call.dispatch_id, call.body) for call in got}) == 1
    until(lambda: apify.ledger().dispatches_by_status == {"SUCCEEDED": 1})
    assert [call.status for call in apify.ledger().webhook_calls] == [500, 401, 302, 204]
    waits = [later.at - earlier.at for earlier, later in pairwise(got)]
    # An Apify minute takes 0.05 s here; it varies by a quarter, and doubles.
    assert all(wait >= 0.75 * 0.05 * 2**place - 0.005 for place, wait in enumerate(waits))


def test_twelve_failures_end_a_dispatch_and_one_does_without_retries(receiver: Receiver) -> None:
    receiver.statuses = [503] * 100
    with SandboxApify(token="t0ken", time_scale=1e6, run_seconds=0.05) as apify:
        client = ApifyClient("t0ken", api_url=apify.url)
        hooks = [hook(receiver), hook(receiver, do_not_retry=True)]
        client.actor(ACTOR).start(run_input={}, webhooks=hooks)
        until(lambda: apify.ledger().dispatches_by_status == {"FAILED": 2})
        calls = apify.ledger().webhook_calls
    counts = sorted(
        sum(call.dispatch_id == one for call in calls) for one in {call.dispatch_id for call in calls}
    )
    assert counts == [1, 12]


def test_a_receiver_that_takes_too_long_counts_as_failed(receiver: Receiver) -> None:
    receiver.statuses = [2, 200]
    with SandboxApify(token="t0ken", time_scale=1e5, run_seconds=0.05, webhook_timeout_seconds=0.5) as apify:
        ApifyClient("t0ken", api_url=apify.url).actor(ACTOR).start(run_input={}, webhooks=[hook(receiver)])
        receiver.wait(lambda got: len(got) >= 2)
        until(lambda: apify.ledger().dispatches_by_status == {"SUCCEEDED": 1})
        first = apify.ledger().webhook_calls[0]
    assert first.status is None
    assert first.error is not None
    assert first.error.startswith("Failed to handle dispatch: ")


def test_an_idempotency_key_makes_one_webhook_only(
    apify: SandboxApify, client: ApifyClient, start: Start, finish: Callable[[str], Any], receiver: Receiver
) -> None:
    keyed = hook(receiver, idempotency_key="job-1-attempt-1")
    runs = [start("marlowe-5", webhooks=[keyed]) for _ in range(2)]
    for run in runs:
        finish(run.id)
    until(lambda: apify.ledger().dispatches_by_status == {"SUCCEEDED": 1})
    assert [got.payload["resource"]["id"] for got in receiver.got] == [runs[0].id]
    again = client.webhooks().create(
        event_types=["ACTOR.RUN.FAILED"],
        request_url="http://127.0.0.1:9/",
        actor_run_id=runs[1].id,
        idempotency_key="job-1-attempt-1",
    )
    assert str(again.request_url) == receiver.url


def test_an_ad_hoc_webhook_fires_once_and_can_be_attached_later(
    apify: SandboxApify, client: ApifyClient, start: Start, finish: Callable[[str], Any], receiver: Receiver
) -> None:
    run = start("marlowe-6", webhooks=[hook(receiver)])
    finish(run.id)
    receiver.wait(one)
    client.run(run.id).resurrect()
    client.webhooks().create(
        event_types=["ACTOR.RUN.SUCCEEDED"], request_url=receiver.url, actor_run_id=run.id, is_ad_hoc=True
    )
    finish(run.id)
    until(lambda: apify.ledger().dispatches_by_status == {"SUCCEEDED": 2})
    assert len({got.dispatch_id for got in receiver.got}) == 2


def test_ad_hoc_webhooks_fire_again_only_where_that_is_wished(receiver: Receiver) -> None:
    with SandboxApify(token="t0ken", run_seconds=0.1, ad_hoc_fires_again=True) as apify:
        client = ApifyClient("t0ken", api_url=apify.url)
        run = client.actor(ACTOR).start(run_input={}, webhooks=[hook(receiver)], wait_for_finish=10)
        client.run(run.id).resurrect()
        receiver.wait(lambda got: len(got) == 2)


def test_a_webhook_of_the_actor_hears_of_all_its_runs_until_it_is_deleted(
    client: ApifyClient, start: Start, receiver: Receiver
) -> None:
    actor = client.actor(ACTOR).get()
    assert actor is not None
    made = client.webhooks().create(
        event_types=["ACTOR.RUN.CREATED"], request_url=receiver.url, actor_id=actor.id
    )
    assert [row.id for row in client.webhooks().list().items] == [made.id]
    runs = {start("marlowe-7").id, start("marlowe-8").id}
    receiver.wait(lambda got: len(got) == 2)
    assert {got.payload["eventData"]["actorRunId"] for got in receiver.got} == runs
    client.webhook(made.id).delete()
    assert client.webhook(made.id).get() is None
    start("marlowe-9")
    time.sleep(0.1)
    assert len(receiver.got) == 2


def test_a_test_event_has_no_run(client: ApifyClient, start: Start, receiver: Receiver) -> None:
    run = start("marlowe-10")
    made = client.webhooks().create(
        event_types=TERMINAL, request_url=receiver.url, actor_run_id=run.id, is_ad_hoc=True
    )
    dispatch = client.webhook(made.id).test()
    assert dispatch is not None
    got = receiver.wait(lambda got: any(one.dispatch_id == dispatch.id for one in got))
    payload = next(one.payload for one in got if one.dispatch_id == dispatch.id)
    assert (payload["eventType"], payload["eventData"]) == ("TEST", None)
    assert "id" not in payload["resource"]


def test_webhooks_inside_the_input_are_none(apify: SandboxApify, start: Start, receiver: Receiver) -> None:
    start("marlowe-11", extra={"webhooks": [{"eventTypes": TERMINAL, "requestUrl": receiver.url}]})
    until(lambda: apify.ledger().runs_by_status == {"SUCCEEDED": 1})
    time.sleep(0.1)
    assert receiver.got == []


@pytest.mark.parametrize(
    ("condition", "ad_hoc", "message"),
    [
        ({}, False, "condition"),
        ({"actorId": "a", "actorRunId": "b"}, False, "condition"),
        (None, False, "condition"),
        ({"actorId": "harvestapi~linkedin-profile-posts"}, True, "only be set for Actor runs"),
        ({"actorRunId": "abcdefghijklmnopq"}, True, "not found"),
    ],
)
def test_conditions_are_checked(
    apify: SandboxApify, client: ApifyClient, condition: Any, ad_hoc: bool, message: str
) -> None:
    body = {
        "eventTypes": TERMINAL,
        "requestUrl": "http://127.0.0.1:9/",
        "condition": condition,
        "isAdHoc": ad_hoc,
    }
    status, _, answer = send(apify, "POST", "/v2/webhooks", json.dumps(body).encode())
    assert status in (400, 404)
    assert message in json.loads(answer)["error"]["message"]
    assert client.webhooks().list().items == []


def test_deliveries_can_be_dropped_doubled_and_delayed(
    apify: SandboxApify, start: Start, receiver: Receiver
) -> None:
    apify.inject("webhook-drop", match="SUCCEEDED")
    start("marlowe-12", webhooks=[hook(receiver)])
    until(lambda: apify.ledger().dispatches_by_status == {"FAILED": 1})
    assert receiver.got == []
    apify.inject("webhook-double")
    start("marlowe-13", webhooks=[hook(receiver)])
    doubled = receiver.wait(lambda got: len(got) == 2)
    assert len({got.dispatch_id for got in doubled}) == 1
    apify.inject("webhook-delay", seconds=1.0)
    late = start("marlowe-14", webhooks=[hook(receiver)])
    early = start("marlowe-15", webhooks=[hook(receiver)])
    order = [got.payload["resource"]["id"] for got in receiver.wait(lambda got: len(got) == 4)[2:]]
    assert order == [early.id, late.id]
