"""Kickoff over HTTP: every row of the contract's table, and bodies from hell."""

from __future__ import annotations

from typing import Any

import pytest
from factories import make_client, make_leads

from .asking import Web, locked

KICKOFF = "/api/apify/process-client"
RUN = "/api/apify/run"
URLS = ["https://www.linkedin.com/in/ann"]


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"x-client-id": "Guy-Wilson"}},
        {"query_string": {"clientId": "Guy-Wilson"}},
        {"query_string": {"client": "Guy-Wilson"}},
        {"json": {"clientId": "Guy-Wilson"}},
        # The first that names it counts.
        {
            "headers": {"x-client-id": "Guy-Wilson"},
            "query_string": {"client": "x"},
            "json": {"clientId": "y"},
        },
    ],
    ids=["header", "query", "short-query", "body", "header-first"],
)
def test_an_order_is_accepted(web: Web, how: dict[str, Any]) -> None:
    make_client(web.ledger)
    make_leads(web.ledger, count=3)
    answer = web.ask("POST", KICKOFF, **how)
    assert answer.status_code == 202
    full_id = answer.json["clientRunId"]
    assert answer.json == {
        "ok": True,
        "runId": full_id.removesuffix("-Guy-Wilson"),
        "clientRunId": full_id,
        "clientId": "Guy-Wilson",
        "status": "Running",
        "statusUrl": f"{web.services.settings.public_url}/api/runs/{full_id}",
    }
    shown = web.get(answer.json["statusUrl"].removeprefix(web.services.settings.public_url))
    assert shown.json["run"]["status"] == "Running"


def test_a_given_run_id_and_source_are_kept(any_web: Web) -> None:
    make_client(any_web.ledger)
    body = {"clientId": "Guy-Wilson", "runId": "261122-050000", "source": "batch_process"}
    answer = any_web.post(KICKOFF, {**body, "maxBatchesOverride": 3})
    assert (answer.status_code, answer.json["clientRunId"]) == (202, "261122-050000-Guy-Wilson")
    shown = any_web.get("/api/runs/261122-050000-Guy-Wilson").json["run"]
    assert shown["source"] == "batch_process"
    again = any_web.post(KICKOFF, body)
    assert (again.status_code, again.json["code"]) == (409, "run_in_progress")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "Paused"}, "client_inactive"),
        ({"service_level": 1}, "not_entitled"),
        ({"daily_target": 0}, "no_target"),
    ],
)
def test_who_is_not_due_is_skipped(web: Web, changes: dict[str, Any], code: str) -> None:
    make_client(web.ledger, **changes)
    answer = web.post(KICKOFF, {"clientId": "Guy-Wilson"})
    assert answer.status_code == 200
    assert answer.json == {"ok": True, "skipped": True, "reason": answer.json["reason"], "code": code}
    assert answer.json["reason"]
    assert web.count("client_runs") == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "missing_client"),
        ({"clientId": None}, 400, "missing_client"),
        ({"clientId": ""}, 400, "missing_client"),
        ({"clientId": 7}, 400, "invalid_body"),
        ({"clientId": "Nobody"}, 404, "client_not_found"),
        ({"clientId": "guy-wilson"}, 404, "client_not_found"),
        ({"clientId": "Guy-Wilson\x00"}, 404, "client_not_found"),
        ({"clientId": "Guy Wilson"}, 404, "client_not_found"),
        ({"clientId": "G" * 65}, 404, "client_not_found"),
        ({"clientId": "Guy-Wilson", "runId": "SR-261122-001"}, 400, "invalid_run_id"),
        ({"clientId": "Guy-Wilson", "runId": "261131-050000"}, 400, "invalid_run_id"),
        ({"clientId": "Guy-Wilson", "runId": "261122-050000-Other"}, 400, "invalid_run_id"),
        ({"clientId": "Guy-Wilson", "runId": "261122-050000\n"}, 202, None),
        ({"clientId": "Guy-Wilson", "runId": 261122}, 400, "invalid_run_id"),
        ({"clientId": "Guy-Wilson", "runId": " "}, 400, "invalid_run_id"),
        ({"clientId": "Guy-Wilson", "source": "webhook"}, 400, "invalid_source"),
        ({"clientId": "Guy-Wilson", "source": "manual"}, 400, "invalid_source"),
        ({"clientId": "Guy-Wilson", "source": ["orchestrator"]}, 400, "invalid_source"),
        ({"clientId": "Guy-Wilson", "maxBatchesOverride": 0}, 400, "invalid_body"),
        ({"clientId": "Guy-Wilson", "maxBatchesOverride": True}, 400, "invalid_body"),
        ({"clientId": "Guy-Wilson", "maxBatchesOverride": 1.5}, 400, "invalid_body"),
        ({"clientId": "Guy-Wilson", "maxBatchesOverride": 10**30}, 400, "invalid_body"),
        ([], 400, "invalid_body"),
        ("text", 400, "invalid_body"),
        (7, 400, "invalid_body"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(
    web: Web, body: object, status: int, code: str | None
) -> None:
    make_client(web.ledger)
    answer = web.post(KICKOFF, body)
    assert (answer.status_code, answer.json.get("code")) == (status, code)
    assert web.count("client_runs") == (1 if status == 202 else 0)
    if status != 202:
        assert answer.json["ok"] is False
        assert answer.json["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"clientId":' * 50_000,
        b'{"clientId": NaN}',
        b'{"clientId": "\xff"}',
        b'{"clientId": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        '{"clientId": "Guy-Wilson"}'.encode("utf-16"),
        b'{"maxBatchesOverride": ' + b"9" * 5_000 + b"}",
    ],
)
def test_a_malformed_body_is_refused(web: Web, body: bytes) -> None:
    answer = web.ask("POST", KICKOFF, data=body[: 64 * 1024])
    assert answer.status_code == 400, answer.data
    assert answer.json["code"] in ("invalid_body", "missing_client")


def test_a_body_that_is_too_large_is_refused(web: Web) -> None:
    answer = web.ask("POST", KICKOFF, data=b'{"x": "' + b"x" * 64 * 1024 + b'"}')
    assert (answer.status_code, answer.json["code"]) == (413, "body_too_large")


def test_an_idempotency_key_gives_the_same_answer(any_web: Web) -> None:
    make_client(any_web.ledger)
    make_client(any_web.ledger, "Other")
    asked = {"headers": {"Idempotency-Key": "cron-261122"}}
    first, second = (any_web.post(KICKOFF, {"clientId": "Guy-Wilson"}, **asked) for _ in range(2))
    assert first.status_code == second.status_code == 202
    assert first.json == second.json
    assert any_web.count("client_runs") == 1
    other = any_web.post(KICKOFF, {"clientId": "Other"}, **asked)
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "é", "a\tb"])
def test_a_key_that_is_none_is_refused(web: Web, key: str) -> None:
    make_client(web.ledger)
    answer = web.post(KICKOFF, {"clientId": "Guy-Wilson"}, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_idempotency_key")


def test_these_profiles_now(any_web: Web) -> None:
    make_client(any_web.ledger, daily_target=0)
    given = [*URLS, "linkedin.com/in/ANN/", "https://uk.linkedin.com/in/bob?trk=x"]
    body = {"clientId": "Guy-Wilson", "targetUrls": given, "maxPosts": 5}
    answer = any_web.post(RUN, body)
    assert answer.status_code == 202
    shown = any_web.get(f"/api/runs/{answer.json['clientRunId']}").json["run"]
    assert [run["profiles"] for run in shown["actorRuns"]] == [2]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_body"),
        ({"targetUrls": []}, "invalid_body"),
        ({"targetUrls": "https://www.linkedin.com/in/ann"}, "invalid_body"),
        ({"targetUrls": URLS * 1_001}, "invalid_body"),
        ({"targetUrls": [None]}, "invalid_body"),
        ({"targetUrls": ["https://evil.example/in/ann"]}, "invalid_profile_url"),
        ({"targetUrls": ["https://www.linkedin.com/in/a\x00b"]}, "invalid_profile_url"),
        ({"targetUrls": URLS, "maxPosts": 0}, "invalid_body"),
        ({"targetUrls": URLS, "maxPosts": -1}, "invalid_body"),
        ({"targetUrls": URLS, "maxPosts": "2"}, "invalid_body"),
    ],
)
def test_profiles_that_make_no_sense_are_refused(web: Web, body: dict[str, Any], code: str) -> None:
    make_client(web.ledger)
    before = web.counts()
    answer = web.post(RUN, {"clientId": "Guy-Wilson", **body})
    assert (answer.status_code, answer.json["code"]) == (400, code)
    assert web.counts() == before


def test_a_ledger_that_cannot_commit_is_told(web: Web) -> None:
    make_client(web.ledger)
    with locked(web):
        answer = web.post(KICKOFF, {"clientId": "Guy-Wilson"})
    assert (answer.status_code, answer.json["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert web.post(KICKOFF, {"clientId": "Guy-Wilson"}).status_code == 202
