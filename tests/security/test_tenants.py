"""Clients whose IDs are nearly one another's: nothing of one is ever where another's is looked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from factories import NOW, make_client, make_leads
from flow import on_airtable as stages
from flow.stage import FINAL, Answer, Stage, call, staged
from pages.operator import Operator, page_settings
from sqlalchemy import select
from web.asking import Web, opened_web

from harvester import run_ids
from harvester.errors import InvalidInput
from harvester.ledger import leads, tables
from harvester.profile_urls import canonical
from harvester.sandbox.airtable.agency import MASTER_ID
from harvester.webhook_tokens import TokenSigner
from routes import create_app

#: Prefixes and suffixes of one another, and one that differs by case alone.
CLIENTS = ("A", "a", "A-B", "A-B-C", "AB", "B")
#: Part of every handle of a client, and so of its leads, URLs, authors and posts.
CANARY = {client: f"canary{number}x{number:04}q" for number, client in enumerate((*CLIENTS, "Z"), start=1)}
#: A person whom every client has among its leads.
SHARED = "known-to-all"
BASES = {client: f"appTenant{number:08}" for number, client in enumerate(CANARY, start=1)}
#: In Airtable, where no formula tells capitals from small letters, `A` and `a` would both be closed.
IN_AIRTABLE = ("A", "A-B", "AB", "B")
#: Look like "A", and are none of it.
LOOKALIKES = ("\u0410", "A\0", "\uff21", " A", "A ", "A\n", "A\u200b", "\u202eA", "A/../B", "A%00", "")


def handles(client: str) -> list[str]:
    """Give whom a client has for leads."""
    return [f"{CANARY[client]}-{n}" for n in range(2)] + [SHARED]


def strangers(client: str, told: str) -> list[str]:
    """Name the other clients of whom something is told."""
    return [other for other, word in CANARY.items() if other != client and word in told.lower()]


def kick_off(stage: Stage, client: str, **named: str) -> str:
    """Kick a client off, while whatever else a request has names others. Gives the client run ID."""
    other = "B" if client != "B" else "A"
    path = f"/api/apify/process-client?clientId={other}&client={other}&tenant={other}"
    body = {"clientId": other, "client": other, "airtableBaseId": BASES[other]}
    answer = stage.api("POST", path, body, x_client_id=client, cookie=f"clientId={other}", **named)
    assert answer.status == 202, answer
    assert answer.json["clientId"] == client
    return str(answer.json["clientRunId"])


def harvest_all(stage: Stage, clients: tuple[str, ...] = CLIENTS) -> dict[str, str]:
    """Harvest every client, with forged calls in between. Gives the client runs by client."""
    runs = {client: kick_off(stage, client) for client in clients}
    stage.work(lambda: len({one["actorRunId"] for one in stage.deliveries()}) >= len(clients), 30)
    for row in stage.rows():
        forge(stage, row)
    for run in runs.values():
        assert stage.finish(run, 30)["status"] == "Completed"
    return runs


def forge(stage: Stage, row: Mapping[str, Any]) -> None:
    """Tell of an actor run of one client all that might make it another's; and with another's token."""
    other = "B" if row["client_id"] != "B" else "A"
    theirs = next(one for one in stage.rows() if one["client_id"] == other)
    named = {"clientId": other, "clientRunId": theirs["client_run_id"], "airtableBaseId": BASES[other]}
    resource = {"id": row["apify_run_id"], "defaultDatasetId": theirs["dataset_id"], **named}
    body = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": named, "resource": resource, **named}
    url = f"{stage.url}/api/apify-webhook?clientId={other}"
    token = stage_token(stage, row)
    assert call("POST", url, body, token=token, x_client_id=other).status == 200
    before = len(stage.deliveries())
    assert call("POST", url, body, token=stage_token(stage, theirs), x_client_id=other).status == 401
    assert len(stage.deliveries()) == before


def stage_token(stage: Stage, row: Mapping[str, Any]) -> str:
    """Sign the token of an actor run, as the worker does."""
    signer = TokenSigner(stage.web.settings.webhook_secrets)
    return signer.sign(row["marker"], row["attempt"], row["client_id"])


@contextmanager
def six_in_the_ledger(database_url: str) -> Iterator[Stage]:
    """Stage six clients that are kept in the ledger alone."""
    with staged(database_url, **page_settings()) as stage:
        for client in CLIENTS:
            make_client(stage.ledger, client, daily_target=1_000)
            with stage.ledger.write() as tx:
                leads.add(tx, client, [_lead(handle) for handle in handles(client)])
        yield stage


def _lead(handle: str) -> dict[str, Any]:
    url = canonical(f"https://www.linkedin.com/in/{handle}")
    return {"profile_url": url, "given_url": url, "name": handle, "extra": {}, "created_at": NOW}


def narrowed(stage: Stage) -> list[tuple[str, set[str]]]:
    """Give every path of the API that GET is answered at for one client, with its query's names."""
    paths = call("GET", f"{stage.url}/openapi.json", token="test-api-token").json["paths"]
    found = []
    for path, operations in paths.items():
        names = {one.get("name") for one in operations.get("get", {}).get("parameters", [])}
        if names & {"clientId", "clientRunId"} and "get" in operations:
            found.append((path, {str(name) for name in names}))
    return found


def asked_for(client: str, run: str, path: str, names: set[str]) -> str:
    """Give the path, narrowed to a client by all that it takes."""
    filled = path.replace("{clientId}", client).replace("{clientRunId}", run)
    if filled != path:
        return filled
    return f"{path}?clientId={client}" if "clientId" in names else f"{path}?clientRunId={run}"


def test_no_list_page_or_export_of_one_client_shows_anothers(ledger_url: str) -> None:
    """With IDs that are prefixes, suffixes and cases of one another, and a lead that all of them have."""
    with six_in_the_ledger(ledger_url) as stage:
        runs = harvest_all(stage)
        paths = narrowed(stage)
        assert len(paths) >= 9
        for client, run in runs.items():
            told = {path: _answered(stage, asked_for(client, run, path, names)) for path, names in paths}
            assert {
                path: strangers(client, text) for path, text in told.items() if strangers(client, text)
            } == {}
            for path in (
                "/api/posts",
                "/api/posts.csv",
                "/api/posts.jsonl",
                "/api/runs/{clientRunId}/coverage",
            ):
                assert CANARY[client] in told[path], path
                assert SHARED in told[path], path
            listed = json.loads(told["/api/runs"])["runs"]
            assert [one["clientRunId"] for one in listed] == [run]
            searched = _answered(stage, f"/api/posts?clientId={client}&q={CANARY[client]}")
            assert not strangers(client, searched)
        _check_pages(stage, runs)
        _check_rows(stage)


def _answered(stage: Stage, path: str) -> str:
    answer: Answer = stage.api("GET", path)
    assert answer.status == 200, (path, answer)
    return answer.body.decode()


def _check_pages(stage: Stage, runs: Mapping[str, str]) -> None:
    operator = Operator(Web(stage.web))
    assert operator.sign_in().status_code == 303
    rules = {
        rule.rule for rule in create_app(stage.web).url_map.iter_rules() if "GET" in (rule.methods or ())
    }
    kinds = [
        rule for rule in rules if re.search("<(client_id|full_id)>", rule) and not rule.startswith("/api")
    ]
    assert len(kinds) > 8
    for client, run in runs.items():
        pages = [rule.replace("<client_id>", client).replace("<full_id>", run) for rule in kinds]
        pages += [f"/{name}?clientId={client}" for name in ("posts", "posts.csv", "posts.jsonl")]
        told = {page: operator.http.get(page, headers={"Accept": "text/html"}).text for page in pages}
        assert {page: strangers(client, text) for page, text in told.items() if strangers(client, text)} == {}
        assert CANARY[client] in told[f"/clients/{client}/leads"]
        assert CANARY[client] in told[f"/posts?clientId={client}"]


def _check_rows(stage: Stage) -> None:
    """Everything in the ledger that holds a canary is its client's row."""
    with stage.ledger.read() as tx:
        for table in tables.metadata.sorted_tables:
            if "client_id" not in table.c:
                continue
            for row in tx.execute(select(table)):
                assert not strangers(row.client_id, str(tuple(row))), table.name


@pytest.mark.parametrize("posts", ["table", "content"])
def test_no_base_is_written_what_is_anothers(sqlite_url: str, monkeypatch: Any, posts: Any) -> None:
    """Each client has a base of its own in Airtable, and its posts there in rows or in its leads."""
    monkeypatch.setattr(stages, "base_id", BASES.__getitem__)
    people = {client: handles(client) for client in IN_AIRTABLE}
    with stages.on_airtable(sqlite_url, people, posts=posts) as agency:
        harvest_all(agency.stage, IN_AIRTABLE)
        agency.in_step()
        for client in IN_AIRTABLE:
            told = _whole(agency, BASES[client])
            assert strangers(client, told) == []
            assert told.count(CANARY[client]) > 4
        _check_the_agencys_own(agency)


def _check_the_agencys_own(agency: stages.Agency) -> None:
    """What the master base says of a client run is its client's."""
    rows = [row for table in (stages.RUNS, stages.ACTOR_RUNS) for row in agency.rows(table)]
    assert rows
    for row in rows:
        client = row["Client ID"] if "Client ID" in row else row["Run ID"].split("-", 2)[2]
        assert strangers(client, json.dumps(row)) == []


def _whole(agency: stages.Agency, base: str) -> str:
    found = [agency.airtable.records(base, table) for table in agency.airtable.ledger().rows[base]]
    return json.dumps(found)


def test_a_client_without_its_base_harvests_nothing_and_nobodys_base_is_taken(
    sqlite_url: str, monkeypatch: Any
) -> None:
    """Nor where one has a base that is not there, or the master's; two name one; two differ by case alone."""
    monkeypatch.setattr(stages, "base_id", BASES.__getitem__)
    wrong = {"A-B": "appNobodyHasThis1", "A-B-C": MASTER_ID, "AB": BASES["B"]}
    with stages.on_airtable(sqlite_url, {client: handles(client) for client in (*CLIENTS, "Z")}) as agency:
        stage = agency.stage
        for record in agency.airtable.records(MASTER_ID, "Clients"):
            client = record["fields"]["Client ID"]
            if client in wrong:
                changed = {"Airtable Base ID": wrong[client] or None}
                agency.airtable.edit(MASTER_ID, "Clients", record["id"], changed)
        before = {client: _whole(agency, base) for client, base in BASES.items()}
        asked = {one: stage.api("POST", "/api/apify/process-client", {"clientId": one}) for one in BASES}
        ids = [one.json["clientRunId"] for one in asked.values() if one.status == 202]
        stage.work(lambda: all(stage.run(run)["status"] in FINAL for run in ids), 30)
        agency.in_step()
        harvested = {row["client_id"] for row in stage.rows()}
        assert harvested == {"Z"}, "the two that name one base are both kept out of it"
        assert {one for one, base in BASES.items() if _whole(agency, base) != before[one]} == {"Z"}
        _check_the_agencys_own(agency)


@pytest.mark.parametrize("name", LOOKALIKES, ids=ascii)
def test_what_looks_like_a_client_id_is_nobodys(sqlite_url: str, name: str) -> None:
    """It is refused by its letters, in body, query and path, and meets no client that there is."""
    with opened_web(sqlite_url) as web:
        for client in ("A", "B"):
            make_client(web.ledger, client)
            make_leads(web.ledger, client)
        in_query, in_path = quote(name), quote(name, safe="")
        before = web.counts()
        targets = {"targetUrls": ["https://www.linkedin.com/in/x"]}
        answers = [
            web.post("/api/apify/process-client", {"clientId": name}),
            web.post(f"/api/apify/process-client?clientId={in_query}"),
            web.post("/api/apify/run", {"clientId": name, **targets}),
            web.get(f"/api/runs/261122-050000-{in_path}"),
            web.get(f"/api/clients/{in_path}/preview"),
        ]
        with pytest.raises(InvalidInput):
            run_ids.require_client_id(name)
        assert all(400 <= one.status_code < 500 for one in answers), answers
        assert web.counts() == before
