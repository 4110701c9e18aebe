"""Answers of the sandbox against Apify's own description, or, without it, against the fields it requires."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator

from harvester.sandbox.apify import SandboxApify

from .conftest import ACTOR
from .test_sandbox_wire import RUNS, send

DESCRIPTION = Path(__file__).parents[3] / "shared" / "apify" / "openapi.json"
REQUIRED: dict[str, list[str]] = json.loads((Path(__file__).parent / "shapes.json").read_text())
Judge = Callable[[str, Any], list[str]]


@pytest.fixture(scope="module")
def judge() -> Judge:
    """What is wrong with an answer that ought to have a shape."""
    components = json.loads(DESCRIPTION.read_text())["components"] if DESCRIPTION.exists() else None

    def wrong(shape: str, answer: Any) -> list[str]:
        envelope = answer["error" if shape == "ErrorResponse" else "data"]
        missing = [f"{key} is missing" for key in REQUIRED[shape] if key not in envelope]
        if components is None:
            return missing
        schema = {"$ref": f"#/components/schemas/{shape}", "components": components}
        return missing + [error.message for error in OAS31Validator(schema).iter_errors(answer)]

    return wrong


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxApify]:
    with SandboxApify(token="t0ken", time_scale=1200.0, run_seconds=0.2, list_usage=True) as apify:
        yield apify


def ask(apify: SandboxApify, method: str, path: str, body: Any = None) -> Any:
    answer = send(apify, method, path, None if body is None else json.dumps(body).encode())[2]
    return json.loads(answer)


def test_runs_and_their_storages_have_their_shapes(sandbox: SandboxApify, judge: Judge) -> None:
    given = {"targetUrls": ["https://www.linkedin.com/in/marlowe-1"], "maxPosts": 2}
    started = ask(sandbox, "POST", f"{RUNS}?maxTotalChargeUsd=1&memory=256&timeout=600", given)
    run = started["data"]
    path = f"/v2/actor-runs/{run['id']}"
    answers = {
        "started": started,
        "running": ask(sandbox, "GET", path),
        "aborting": ask(sandbox, "POST", f"{path}/abort"),
        "aborted": ask(sandbox, "GET", f"{path}?waitForFinish=20"),
        "resurrected": ask(sandbox, "POST", f"{path}/resurrect"),
        "ended": ask(sandbox, "GET", f"{path}?waitForFinish=20"),
    }
    judged = {name: judge("RunResponse", answer) for name, answer in answers.items()}
    assert judged == {name: [] for name in answers}
    assert answers["ended"]["data"]["status"] == "SUCCEEDED"
    assert judge("ListOfRunsResponse", ask(sandbox, "GET", "/v2/actor-runs")) == []
    assert judge("ListOfRunsResponse", ask(sandbox, "GET", RUNS)) == []
    assert judge("DatasetResponse", ask(sandbox, "GET", f"/v2/datasets/{run['defaultDatasetId']}")) == []
    store = ask(sandbox, "GET", f"/v2/key-value-stores/{run['defaultKeyValueStoreId']}")
    assert judge("KeyValueStoreResponse", store) == []
    assert judge("ActorResponse", ask(sandbox, "GET", f"/v2/actors/{ACTOR.replace('/', '~')}")) == []


def test_webhooks_and_dispatches_have_their_shapes(sandbox: SandboxApify, judge: Judge) -> None:
    run = ask(sandbox, "POST", RUNS, {})["data"]
    made = ask(
        sandbox,
        "POST",
        "/v2/webhooks",
        {
            "eventTypes": ["ACTOR.RUN.SUCCEEDED"],
            "requestUrl": "http://127.0.0.1:9/",
            "condition": {"actorId": run["actId"]},
        },
    )
    hook = made["data"]["id"]
    fired = ask(sandbox, "POST", f"/v2/webhooks/{hook}/test")
    judged = {
        "made": judge("WebhookResponse", made),
        "got": judge("WebhookResponse", ask(sandbox, "GET", f"/v2/webhooks/{hook}")),
        "listed": judge("ListOfWebhooksResponse", ask(sandbox, "GET", "/v2/webhooks")),
        "dispatch": judge(
            "WebhookDispatchResponse", ask(sandbox, "GET", f"/v2/webhook-dispatches/{fired['data']['id']}")
        ),
        "of hook": judge(
            "ListOfWebhookDispatchesResponse", ask(sandbox, "GET", f"/v2/webhooks/{hook}/dispatches")
        ),
        "all": judge("ListOfWebhookDispatchesResponse", ask(sandbox, "GET", "/v2/webhook-dispatches?desc=1")),
    }
    assert judged == {name: [] for name in judged}


def test_account_and_errors_have_their_shapes(sandbox: SandboxApify, judge: Judge) -> None:
    judged = {
        "me": judge("PrivateUserDataResponse", ask(sandbox, "GET", "/v2/users/me")),
        "limits": judge("LimitsResponse", ask(sandbox, "GET", "/v2/users/me/limits")),
        "404": judge("ErrorResponse", ask(sandbox, "GET", "/v2/actor-runs/abcdefghijklmnopq")),
        "400": judge("ErrorResponse", ask(sandbox, "POST", f"{RUNS}?memory=3", {})),
        "405": judge("ErrorResponse", ask(sandbox, "DELETE", "/v2/users/me")),
    }
    assert judged == {name: [] for name in judged}
    assert judge("RunResponse", {"data": {"id": "x"}}) != []
