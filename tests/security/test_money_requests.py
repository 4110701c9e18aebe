"""What a request, a lead or a row says of actors, bases, money and addresses moves none of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest
from factories import make_client
from flow.on_airtable import Agency, base_id, on_airtable, profile
from flow.stage import API_TOKEN, call
from web.asking import Web, opened_web
from web.asking import ended as ended_at_apify

from harvester.ledger import client_runs
from harvester.models import ClientRunStatus
from services.terms import WEBHOOK_PATH

ACTOR: Final = "harvestapi/linkedin-profile-posts"
MINE, THEIRS = "Ann-Co", "Bob-Co"


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, socket.socket]]:
    """The URL of a server that nobody has any business with, and its socket."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.setblocking(False)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/", listening


@pytest.fixture
def agency(sqlite_url: str) -> Iterator[Agency]:
    """Two clients with a base each; what people wrote about one names the actor, base and money of others."""
    wrong = f"evil/actor {base_id(THEIRS)} maxTotalChargeUsd=1000"
    odd = "?actorId=evil%2Factor&baseId=" + base_id(THEIRS) + "&token=x&maxPosts=9999"
    people = {MINE: ("ann", f"cyd{odd}"), THEIRS: ("bob",)}
    with on_airtable(sqlite_url, people, clients={"Client Name": wrong, "Comment": wrong}) as found:
        yield found


def smuggled(url: str) -> dict[str, Any]:
    """Give what a request may try to say, in every spelling that could mean something to somebody."""
    base = base_id(THEIRS)
    return {
        **dict.fromkeys(("actorId", "actor_id", "actId", "APIFY_ACTOR_ID", "actor"), "evil/actor"),
        **dict.fromkeys(("baseId", "airtableBaseId", "airtable_base", "MASTER_CLIENTS_BASE_ID"), base),
        **dict.fromkeys(
            ("apifyApiUrl", "APIFY_API_URL", "AIRTABLE_API_URL", "webhookUrl", "requestUrl"), url
        ),
        **dict.fromkeys(("PUBLIC_URL", "statusUrl", "itemsPublicUrl"), url),
        **dict.fromkeys(("token", "apifyToken", "APIFY_TOKEN"), "apify_api_SomebodyElses0123456789"),
        **dict.fromkeys(("maxTotalChargeUsd", "dailyBudgetUsd", "DAILY_BUDGET_USD", "maxItems"), 1_000_000),
        **dict.fromkeys(("memory", "timeout", "batchSize", "KICKOFFS_PER_HOUR"), 1_000_000),
        **dict.fromkeys(("datasetId", "defaultDatasetId", "build"), "AbCdEfGhIjKlMnOpQ"),
        "input": {"targetUrls": [profile("eve")], "maxPosts": 0},
        "profileUrls": [profile("eve")],
        "postedLimit": "any",
    }


def headers(url: str) -> dict[str, str]:
    """Give the same as headers."""
    flat = {name: str(value) for name, value in smuggled(url).items() if "_" not in name}
    return {f"X-{name}": value for name, value in flat.items()} | {"X-Forwarded-Host": url.split("/")[2]}


def started(agency: Agency) -> list[tuple[str, frozenset[str], Any, Any, str]]:
    """Say of each start what the local Apify was told: actor, names of the input, posts, and options."""
    told = []
    for start in agency.stage.sandbox.ledger().starts:
        run = agency.stage.apify("GET", f"actor-runs/{start.run_id}")["data"]
        limits = {name: run["options"].get(name) for name in ("build", "timeoutSecs", "maxItems")}
        money = run["options"]["maxTotalChargeUsd"]
        told.append((start.actor, frozenset(start.input), start.input["maxPosts"], money, str(limits)))
    return told


def test_nothing_in_a_request_chooses_actor_base_money_or_address(
    agency: Agency, elsewhere: tuple[str, socket.socket]
) -> None:
    """A plain harvest, and three that say all of it in query, headers and body: the starts are the same."""
    url, listening = elsewhere
    stage = agency.stage
    stage.finish(stage.kickoff(MINE), 30)
    plain = started(agency)
    agency.in_step()
    before = agency.airtable.ledger()
    query = "&".join(f"{name}={value}" for name, value in smuggled(url).items() if isinstance(value, str))
    body = {**smuggled(url), "clientId": MINE, "targetUrls": [profile("dan")]}
    for path in ("/api/apify/run", "/api/apify/process-client", "/api/smart-resume/process-client"):
        there = f"{stage.url}{path}?{query}"
        answer = call("POST", there, body, token=API_TOKEN, **headers(url))
        assert answer.status == 202, answer
        assert answer.json["statusUrl"].startswith(stage.url)
        stage.finish(answer.json["clientRunId"], 30)
        agency.in_step()
    everything = started(agency)
    assert set(everything) == set(plain) != set()
    assert len(everything) > len(plain)
    assert {one[0] for one in everything} == {ACTOR}
    targets = stage.sandbox.ledger().starts_by_target()
    assert targets.keys() <= {profile("ann"), profile("cyd"), profile("dan")}
    assert {one.url for one in stage.sandbox.ledger().webhook_calls} == {stage.url + WEBHOOK_PATH}
    now = agency.airtable.ledger()
    theirs = base_id(THEIRS)
    assert now.created.get(theirs) == before.created.get(theirs)
    assert now.updated.get(theirs) == before.updated.get(theirs)
    assert now.calls(base=theirs, method="GET") == now.calls(base=theirs)
    with pytest.raises(BlockingIOError):
        listening.accept()


def test_a_job_run_takes_no_word_that_it_does_not_know(agency: Agency) -> None:
    """Of an order for everybody nothing is passed over: what narrows it, misspelt, would be done for all."""
    stage = agency.stage
    for name, value in smuggled("http://127.0.0.1:9/").items():
        for path in ("/api/apify/process", "/api/smart-resume"):
            assert stage.api("POST", path, {name: value}).status == 400, name
            if isinstance(value, str):
                assert stage.api("POST", f"{path}?{name}={value}").status == 400, name
    assert stage.rows() == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/in/ann",
        "https://www.linkedin.com.evil.example/in/ann",
        "https://www.linkedin.com@evil.example/in/ann",
        "https://evil.example/?https://www.linkedin.com/in/ann",
        "file:///etc/passwd",
        "javascript:alert(1)//www.linkedin.com/in/ann",
        "https://www.linkedin.com/feed/",
    ],
)
def test_only_profiles_are_paid_for(sqlite_url: str, url: str) -> None:
    with opened_web(sqlite_url) as web:
        make_client(web.ledger)
        refused = web.post("/api/apify/run", {"clientId": "Guy-Wilson", "targetUrls": [url]})
        assert (refused.status_code, refused.json["code"]) == (400, "invalid_profile_url")
        assert web.count("actor_runs") == web.count("leads") == 0


def test_a_key_starts_once_whatever_else_comes_with_it(sqlite_url: str) -> None:
    """Another body, client or route, and after all is over: one client run, and nothing of the others."""
    with opened_web(sqlite_url) as web:
        make_client(web.ledger, "Ada")
        make_client(web.ledger, "Bo")
        key = {"Idempotency-Key": "cron-2026-11-22"}
        first = _posted(web, "process-client", {"clientId": "Ada"}, key)
        assert first.status_code == 202
        with web.ledger.write() as tx:
            now = web.services.clock()
            done = ClientRunStatus.COMPLETED
            client_runs.finish(tx, first.json["clientRunId"], status=done, now=now)
        before = web.counts()
        replayed = [
            _posted(web, "process-client", {"clientId": "Ada"}, key),
            _posted(web, "process-client", {"clientId": "Ada", "maxBatchesOverride": 9}, key),
            _posted(web, "run", {"clientId": "Ada", "targetUrls": [profile("eve")]}, key),
        ]
        assert {one.json["clientRunId"] for one in replayed} == {first.json["clientRunId"]}
        for path, body in (
            ("process-client", {"clientId": "Bo"}),
            ("process", {}),
            ("process", {"stream": 1}),
        ):
            refused = _posted(web, path, body, key)
            assert (refused.status_code, refused.json["code"]) == (409, "idempotency_key_reused")
            assert "Ada" not in refused.json["error"]
        assert web.counts() == before


def _posted(web: Web, path: str, body: object, headers: dict[str, str]) -> Any:
    return web.post(f"/api/apify/{path}", body, headers=headers)


def test_a_webhook_starts_nothing(sqlite_url: str) -> None:
    """However authentic: what it brings is the end of what was started."""
    with opened_web(sqlite_url) as web:
        run = web.at_work()
        before = web.count("actor_runs"), web.count("client_runs"), web.count("leads")
        body = {**ended_at_apify(run.apify_run_id or ""), **smuggled("http://127.0.0.1:9/")}
        assert web.hook(body, token=web.sign(run)).json["outcome"] == "accepted"
        assert before == (web.count("actor_runs"), web.count("client_runs"), web.count("leads"))
        assert web.row(run.id).actor_id == ACTOR
