"""Nothing of one client ever reaches the base of another, whatever a payload, a header or a row says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from factories import make_client, make_leads

from harvester.ledger import alerts, clients, outbox
from harvester.models import ActorRun, Lead
from harvester.sandbox.airtable.agency import MASTER_ID, client_base
from harvester.webhook_tokens import TokenSigner

from .mirror_rows import Owing, owing, post
from .on_airtable import RUNS, Agency, base_id, on_airtable, profile
from .stage import API_TOKEN, call

MINE, OTHER = "Guy-Wilson", "Blue-Harbor"
#: Part of every handle, and so of leads, URLs and posts.
CANARY = {MINE: "canary-alpha", OTHER: "canary-omega"}
LEADS = {client: [f"{word}-{n}" for n in range(3)] for client, word in CANARY.items()}


def everything(agency: Agency, base: str) -> str:
    """Give all that a base holds, as text."""
    tables = agency.airtable.ledger().rows[base]
    return json.dumps([agency.airtable.records(base, table) for table in tables])


def crossed(agency: Agency) -> dict[str, str]:
    """Name the bases that hold a canary of another client."""
    other = {MINE: OTHER, OTHER: MINE}
    return {
        base_id(client): CANARY[other[client]]
        for client in CANARY
        if CANARY[other[client]] in everything(agency, base_id(client))
    }


@contextmanager
def agency_of_two(database_url: str, **options: Any) -> Iterator[Agency]:
    with on_airtable(database_url, LEADS, **options) as agency:
        yield agency


@pytest.mark.parametrize("posts", ["table", "content"])
def test_harvests_replays_and_forgeries_leave_each_in_its_own_base(sqlite_url: str, posts: Any) -> None:
    with agency_of_two(sqlite_url, posts=posts) as agency:
        stage = agency.stage
        kicked = [
            stage.api("POST", "/api/apify/process-client", {"clientId": OTHER}, x_client_id=MINE),
            stage.api("POST", f"/api/apify/process-client?clientId={OTHER}", {"clientId": MINE}),
        ]
        assert [one.status for one in kicked] == [202, 202]
        runs = [one.json["clientRunId"] for one in kicked]
        assert [run.partition("-")[2].partition("-")[2] for run in runs] == [MINE, OTHER]
        stage.work(lambda: len(stage.deliveries()) >= 2)
        for delivery in stage.deliveries():
            forge(agency, delivery)
        for run in runs:
            stage.finish(run)
        for delivery in stage.deliveries():
            stage.api("POST", f"/api/deliveries/{delivery['id']}/replay")
        agency.in_step()
        assert {row["Client ID"] for row in agency.rows(RUNS)} == {MINE, OTHER}
        for client in CANARY:
            assert CANARY[client] in everything(agency, base_id(client))
        assert not crossed(agency)
        assert not any(word in everything(agency, MASTER_ID) for word in ("Post Text", "postContent"))


def forge(agency: Agency, delivery: dict[str, Any]) -> None:
    """Tell of an actor run once more, with whatever names the other client: nothing of it is believed."""
    row = next(one for one in agency.stage.rows() if one["apify_run_id"] == delivery["actorRunId"])
    other = OTHER if row["client_id"] == MINE else MINE
    named = {"clientId": other, "airtableBaseId": base_id(other), "clientRunId": f"261122-050000-{other}"}
    body = {
        "eventType": "ACTOR.RUN.SUCCEEDED",
        "eventData": {"actorRunId": delivery["actorRunId"], **named},
        "resource": {"id": delivery["actorRunId"], "status": "SUCCEEDED", **named},
        **named,
    }
    for token in (API_TOKEN, None):
        assert agency.stage.deliver(body, token=token, x_client_id=other).status == 401
    url = f"{agency.stage.url}/api/apify-webhook?clientId={other}"
    assert call("POST", url, body, token=signed(agency, row), x_client_id=other).status == 200


def signed(agency: Agency, row: dict[str, Any]) -> str:
    """Sign a token as our own worker does: the payload may still name anybody."""
    signer = TokenSigner(agency.stage.web.settings.webhook_secrets)
    return signer.sign(row["marker"], row["attempt"], row["client_id"])


def client_record(agency: Agency, client: str) -> str:
    """Give the record of a client in Clients."""
    found = agency.airtable.records(MASTER_ID, "Clients")
    (record,) = [one for one in found if one["fields"]["Client ID"] == client]
    return str(record["id"])


@pytest.fixture
def rows(sqlite_url: str) -> Iterator[Owing]:
    with owing(sqlite_url, LEADS) as found:
        yield found


def canaries(rows: Owing, client: str, count: int, first: int) -> tuple[list[Lead], ActorRun]:
    """Store posts of a client that tell whose they are."""
    people = rows.took_in(client)
    run = rows.run(people, client)
    rows.store(run, [(post(first + n, text=CANARY[client]), people[n % len(people)]) for n in range(count)])
    return people, run


def test_two_clients_that_name_one_base_are_both_kept_out_of_it(rows: Owing) -> None:
    for number, client in enumerate(CANARY):
        canaries(rows, client, 12, 100 * number)
    rows.in_step()
    rows.airtable.edit(
        MASTER_ID, "Clients", client_record(rows.agency, OTHER), {"Airtable Base ID": base_id(MINE)}
    )
    rows.stage.clock.skip(minutes=1)
    rows.side.read_clients()
    with rows.ledger.read() as tx:
        found = [clients.get(tx, client) for client in CANARY]
    assert all(one is not None and one.airtable_error for one in found), "nobody can tell whose it is"
    for _ in range(5):
        rows.turn()
    assert not crossed(rows.agency)


def test_posts_that_wait_are_not_sent_to_a_base_that_is_another_clients_by_now(rows: Owing) -> None:
    """The clients swap their bases while posts of both are owed."""
    for number, client in enumerate(CANARY):
        canaries(rows, client, 12, 100 * number)
    swapped = {MINE: base_id(OTHER), OTHER: base_id(MINE)}
    for client, base in swapped.items():
        rows.airtable.edit(
            MASTER_ID, "Clients", client_record(rows.agency, client), {"Airtable Base ID": base}
        )
    rows.stage.clock.skip(minutes=1)
    for _ in range(5):
        rows.turn()
    for client in CANARY:
        posts = rows.airtable.records(base_id(client), "Posts")
        assert not posts, "what was owed to the old base belongs nowhere"


def test_a_client_that_moves_is_written_to_its_new_base_alone(rows: Owing) -> None:
    everybody, run = canaries(rows, MINE, 12, 0)
    rows.in_step()
    new = "appBrandNewBase01"
    people = [{"LinkedIn Profile URL": profile(handle)} for handle in LEADS[MINE]]
    rows.airtable.add_base(client_base(new, "table", leads=people))
    rows.airtable.edit(MASTER_ID, "Clients", client_record(rows.agency, MINE), {"Airtable Base ID": new})
    rows.stage.clock.skip(minutes=1)
    rows.side.read_clients()
    before = len(rows.airtable.ledger().requests)
    found = rows.airtable.records(new, "Leads")
    records = {one["fields"]["LinkedIn Profile URL"]: str(one["id"]) for one in found}
    with rows.ledger.write() as tx:
        shown = {records[lead.profile_url]: lead.id for lead in everybody}
        outbox.map_leads(tx, new, MINE, shown, now=rows.stage.clock())
    rows.store(run, [(post(n, text=f"{CANARY[MINE]} moved"), everybody[n % 3]) for n in range(12)])
    rows.until(lambda: len(rows.airtable.records(new, "Posts")) == 12)
    posts = rows.airtable.records(new, "Posts")
    assert all(set(one["fields"]["Lead"]) <= set(records.values()) for one in posts)
    assert not rows.calls(base=base_id(MINE), since=before), "the old base is left alone"
    assert {one.status for one in rows.calls("PATCH", new, before)} == {200}, "no lead of the old is linked"
    with rows.ledger.read() as tx:
        assert not alerts.untold(tx, limit=10)


def test_a_client_of_the_ledger_that_names_anothers_base_is_closed_and_kept_out_of_it(rows: Owing) -> None:
    people, _ = canaries(rows, MINE, 3, 0)
    intruder = "Intruder"
    make_client(rows.ledger, intruder, airtable_base=base_id(MINE))
    make_client(rows.ledger, "Master", airtable_base=MASTER_ID)
    (lead,) = make_leads(rows.ledger, intruder)
    run = rows.run([lead], intruder)
    rows.store(run, [(post(500, text=CANARY[OTHER]), lead)])
    for _ in range(3):
        rows.turn()
    rows.stage.clock.skip(minutes=1)
    rows.side.read_clients()
    with rows.ledger.read() as tx:
        assert all(found.airtable_error for found in clients.of_base(tx, base_id(MINE)))
        assert all(found.airtable_error for found in clients.of_base(tx, MASTER_ID))
    for _ in range(3):
        rows.turn()
    shown = rows.agency.rows("Posts", MINE)
    assert not [row for row in shown if row["Client ID"] == intruder]
    assert people
