"""Who may call the API: every route, with every kind of token, is answered as the table of scopes says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api.stocked import stocked
from factories import end_run, make_client, make_leads, make_run
from ledger.whole_ledgers import all_rows
from pages.operator import Operator
from web.asking import TOKEN, Web, opened_web, shut

from harvester.ledger import activity

from .callers import MINE, OF_ONE_CLIENT, OTHER, Kind, kinds, request, routes, run_of

AWAY: dict[str, Any] = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}


@pytest.fixture
def house(ledger_url: str) -> Iterator[Web]:
    """An application with several clients, and something of everything."""
    with stocked(ledger_url) as web:
        yield web


def _ask(web: Web, kind: Kind, method: str, rule: str, *, client_id: str = MINE, full_id: str = "") -> Any:
    path, body = request(rule, full_id or run_of(web, client_id), client_id)
    how: dict[str, Any] = {"json": body} if method == "POST" else {"query_string": {"clientId": client_id}}
    return web.ask(method, path, token=kind.token, **how, **(AWAY if rule == "/metrics" else {}))


def test_every_route_answers_every_kind_of_token_as_its_scopes_say(house: Web) -> None:
    asked = list(routes(house))
    assert len(asked) >= 35
    assert ("GET", "/metrics") in asked
    for kind in kinds(house):
        refused = [(*one, kind.expected(*one)) for one in asked if kind.expected(*one) is not None]
        before = all_rows(house.ledger)
        for method, rule, status in refused:
            answer = _ask(house, kind, method, rule)
            code = {401: "unauthorized", 403: "forbidden"}[status or 0]
            assert (answer.status_code, answer.json["code"]) == (status, code), (kind.name, method, rule)
        assert all_rows(house.ledger) == before, kind.name
        for method, rule in (one for one in asked if kind.expected(*one) is None):
            answer = _ask(house, kind, method, rule)
            assert answer.status_code not in (401, 403), (kind.name, method, rule, answer.text)


def test_a_token_of_one_client_learns_nothing_of_another(house: Web) -> None:
    """Whether it exists or not: what is refused is told in the same words."""
    kind = next(one for one in kinds(house) if one.name == "of its client")
    theirs, mine = run_of(house, OTHER), run_of(house, MINE)
    strangers = ((OTHER, theirs), ("Nobody", f"{theirs[:13]}-Nobody"), (MINE.lower(), f"{mine}-{OTHER}"))
    for method, rule in sorted(OF_ONE_CLIENT):
        told = {
            (answer.status_code, answer.data)
            for client_id, full_id in strangers
            for answer in [_ask(house, kind, method, rule, client_id=client_id, full_id=full_id)]
        }
        assert [status for status, _ in told] == [403], (method, rule, told)
    lists = ("runs", "posts", "posts.jsonl", "posts.csv", "comments", "reactions", "activity")
    for path in (f"/api/{name}" for name in lists):
        left_out = house.get(path, token=kind.token)
        assert left_out.status_code == 200
        assert left_out.data == house.get(f"{path}?clientId={MINE}", token=kind.token).data
        assert OTHER not in left_out.text
        assert "Guy-Wilson" not in left_out.text
        narrowed = house.get(f"{path}?clientRunId={theirs}&runId={theirs[:13]}", token=kind.token)
        assert theirs not in narrowed.text


@pytest.mark.parametrize("where", ["headers", "query", "short", "body", "two of them"])
def test_an_order_of_a_token_of_one_client_is_for_no_other(house: Web, where: str) -> None:
    kind = next(one for one in kinds(house) if one.name == "of its client")
    named: dict[str, dict[str, Any]] = {
        "headers": {"headers": {"x-client-id": OTHER}},
        "query": {"query_string": {"clientId": OTHER}},
        "short": {"query_string": {"client": OTHER}},
        "body": {"json": {"clientId": OTHER}},
        "two of them": {"headers": {"x-client-id": MINE}, "json": {"clientId": OTHER}},
    }
    before = all_rows(house.ledger)
    for path in ("/api/apify/process-client", "/api/smart-resume/process-client"):
        answer = house.ask("POST", path, token=kind.token, **named[where])
        assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert all_rows(house.ledger) == before
    own = house.ask("POST", "/api/apify/process-client", token=kind.token)
    assert (own.status_code, own.json["clientRunId"]) == (409, run_of(house, MINE)), "its own, left out"


@pytest.mark.parametrize("path", ["/api/apify/process-client", "/api/apify/run"])
def test_a_token_of_one_client_joins_no_job_run_of_others(house: Web, path: str) -> None:
    """Under a run ID of its own choice its client run would open that job run again, and be counted in it."""
    kind = next(one for one in kinds(house) if one.name == "of its client")
    before = all_rows(house.ledger)
    body = {"runId": run_of(house, OTHER)[:13], "targetUrls": ["https://www.linkedin.com/in/ann-new"]}
    answer = house.post(path, body, token=kind.token)
    assert (answer.status_code, answer.json["code"]) == (403, "forbidden")
    assert all_rows(house.ledger) == before


def test_a_token_of_one_client_hears_no_word_about_all_of_them(ledger_url: str) -> None:
    """Neither what they have cost together, nor why a person has stopped them."""
    with opened_web(ledger_url, monthly_budget_usd="0.05") as web:
        leads = {}
        for client_id in (MINE, OTHER, "Third"):
            make_client(web.ledger, client_id)
            leads[client_id] = make_leads(web.ledger, client_id)
        tokens = {
            client_id: web.services.api_tokens.create(client_id, client_id=client_id, by="t")[1]
            for client_id in (MINE, "Third")
        }
        web.post("/api/starts/pause", {"reason": f"{OTHER} has not paid"})
        mine = web.post("/api/apify/process-client", token=tokens[MINE])
        assert (mine.status_code, [one["reason"] for one in mine.json["pauses"]]) == (202, [""])
        ahead = web.get("/api/clients/Third/preview", token=tokens["Third"])
        assert ahead.json["preview"]["paused"] == "starts are paused"
        assert OTHER in web.get("/api/clients/Third/preview").json["preview"]["paused"]
        assert OTHER not in mine.text + ahead.text

        now = web.services.clock()
        (run,) = make_run(web.ledger, [leads[OTHER]], client_id=OTHER, run_id="261122-040000", now=now)
        end_run(web.ledger, run, now=now, cost_micros=60_000, apify_status="SUCCEEDED")
        spent = web.get("/api/clients/Third/preview", token=tokens["Third"]).json["preview"]
        assert (spent["code"], spent["reason"]) == (
            "budget_spent",
            "the account's budget of the month is spent",
        )


def test_no_key_of_another_client_is_met_or_found_out(house: Web) -> None:
    mine, other = (one for one in kinds(house) if one.name in ("of its client", "of another client"))
    path, headers = "/api/apify/process-client", {"Idempotency-Key": "cron"}
    house.post(path, {"clientId": "Closed"}, headers=headers)
    for kind in (mine, other):
        once, again = (house.post(path, token=kind.token, headers=headers) for _ in range(2))
        assert once.status_code == again.status_code == 409
        assert once.json == again.json
        assert once.json["clientRunId"] == run_of(house, str(kind.client_id))


def test_the_activity_log_names_who_asked(house: Web) -> None:
    kind = next(one for one in kinds(house) if one.name == "run")
    house.post("/api/starts/pause", {"reason": "x"}, token=kind.token)
    house.post("/api/starts/resume")
    with house.ledger.read() as tx:
        lines, _ = activity.page(tx, limit=20)
    sources = {line["operation"]: line["source"] for line in lines}
    assert (sources["pause"], sources["lift pause"], sources["create token"]) == ("api: run", "api", "test")


def test_what_cannot_be_looked_up_lets_nobody_in(postgres_url: str) -> None:
    """And only what has the form of a token is looked up."""
    with stocked(postgres_url) as web:
        good = next(one for one in kinds(web) if one.name == "read")
        with shut(web):
            assert web.get("/api/runs", token=good.token).status_code == 503
            assert web.get("/api/runs", token="garbage").status_code == 401
            assert web.get("/api/runs", token=f"{good.token}=").status_code == 401
            assert web.get("/metrics", token=TOKEN, **AWAY).status_code == 200
        assert web.get("/api/runs", token=good.token).status_code == 200


def test_nothing_but_pages_takes_a_cookie(house: Web) -> None:
    """An operator who is signed in is a stranger to the API, so that no other site can have it called."""
    operator = Operator(house)
    assert operator.sign_in().status_code == 303
    full_id = run_of(house, MINE)
    before = all_rows(house.ledger)
    for method, rule in routes(house):
        path, body = request(rule, full_id)
        how: dict[str, Any] = {"json": body} if method == "POST" else {}
        answer = operator.http.open(path, method=method, **how, **(AWAY if rule == "/metrics" else {}))
        assert answer.status_code == 401, (method, rule)
        assert "Set-Cookie" not in answer.headers
    assert all_rows(house.ledger) == before
