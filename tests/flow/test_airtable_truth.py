"""Whose word about a lead counts, when Airtable was not told: nobody is harvested twice, nobody forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from harvester.ledger import outbox_counts, tables
from harvester.sandbox.airtable import FieldSpec
from services import build
from services.kickoff import Order

from .on_airtable import Agency, base_id, on_airtable, profile

CLIENT = "Guy-Wilson"
BASE = base_id(CLIENT)
STATUS = "Posts Harvest Status"


@pytest.fixture
def agency(ledger_url: str) -> Iterator[Agency]:
    with on_airtable(ledger_url, {CLIENT: ["ann", "bob"]}) as found:
        yield found


def harvested(agency: Agency) -> list[str]:
    """Name the leads that were sent to Apify, each as often as it was."""
    of_row = tables.lead_outcomes.c.actor_run_id == tables.actor_runs.c.id
    with agency.stage.ledger.read() as tx:
        statement = select(tables.lead_outcomes.c.target_url).join(tables.actor_runs, of_row)
        sent = statement.where(tables.actor_runs.c.apify_run_id.is_not(None))
        return sorted(url.rpartition("/")[2] for url in tx.execute(sent).scalars())


def shown(agency: Agency) -> dict[str, str | None]:
    return {handle: row.get(STATUS) for handle, row in agency.leads(CLIENT).items()}


def next_day(agency: Agency) -> None:
    agency.stage.clock.skip(hours=25)
    agency.harvest(CLIENT)


def drop_choice(agency: Agency, choice: str) -> None:
    base = agency.airtable.base(BASE)
    with base.lock:
        table = base.table("Leads")
        field = table.field(STATUS) if table else None
        assert field is not None
        field.options["choices"] = [one for one in field.options["choices"] if one["name"] != choice]


def test_what_was_harvested_while_airtable_was_off_is_told_and_not_harvested_again(agency: Agency) -> None:
    stage = agency.stage
    record = agency.airtable.records("Master Clients", "Clients")[0]["id"]
    agency.airtable.edit("Master Clients", "Clients", record, {"Posts Daily Target": 2})
    agency.harvest()
    off = stage.worker.settings.model_copy(update={"airtable_api_key": None, "master_clients_base_id": None})
    on, stage.worker = stage.worker, build(off, clock=stage.clock)
    stage.clock.skip(hours=25)
    answer = stage.worker.kickoff(Order(CLIENT))
    assert answer.client_run_id is not None
    stage.finish(answer.client_run_id, 30)
    stage.worker.close()
    stage.worker = on
    next_day(agency)
    assert harvested(agency) == ["ann", "bob"]
    assert shown(agency) == {"ann": "Done", "bob": "Done"}


@pytest.mark.parametrize("minutes", [0, 61], ids=["refused", "left out"])
def test_a_status_that_airtable_did_not_take_is_told_later_and_nobody_harvested_again(
    agency: Agency, minutes: int
) -> None:
    agency.stage.begun()
    agency.in_step()
    drop_choice(agency, "Done")
    agency.stage.ended()
    agency.stage.clock.skip(minutes=minutes)
    (row,) = agency.rows("Client Run Results")
    agency.stage.finish(str(row["Run ID"]), 30)
    agency.in_step()
    agency.airtable.add_choice(BASE, "Leads", STATUS, "Done")
    agency.stage.sandbox.faults = []
    agency.stage.clock.skip(minutes=61)
    next_day(agency)
    assert harvested(agency) == ["ann", "bob"]
    assert shown(agency) == {"ann": "Done", "bob": "Done"}


def test_a_lead_that_a_person_sets_back_is_due_though_its_row_was_parked(agency: Agency) -> None:
    agency.stage.begun()
    agency.in_step()
    drop_choice(agency, "Done")
    agency.stage.ended()
    (row,) = agency.rows("Client Run Results")
    agency.stage.finish(str(row["Run ID"]), 30)
    agency.in_step()
    agency.airtable.add_choice(BASE, "Leads", STATUS, "Done")
    agency.stage.sandbox.faults = []
    agency.airtable.edit(BASE, "Leads", agency.lead_ids()["ann"], {STATUS: "Pending"})
    agency.stage.clock.skip(minutes=61)
    next_day(agency)
    assert harvested(agency) == ["ann", "ann", "bob"]


def test_a_state_that_came_back_to_what_airtable_had_once_is_sent(agency: Agency) -> None:
    """A person sets a lead back; it is harvested by its address before anybody reads it."""
    agency.harvest()
    agency.airtable.edit(BASE, "Leads", agency.lead_ids()["ann"], {STATUS: "Pending"})
    with agency.airtable.dark():
        answer = agency.stage.api(
            "POST", "/api/apify/run", {"clientId": CLIENT, "targetUrls": [profile("ann")]}
        )
        agency.stage.finish(answer.json["clientRunId"], 30)
    agency.stage.clock.skip(minutes=5)
    agency.in_step()
    assert shown(agency) == {"ann": "Done", "bob": "Done"}
    next_day(agency)
    assert harvested(agency) == ["ann", "ann", "bob"]


def test_a_lead_that_comes_back_from_the_bin_and_is_set_back_is_due(agency: Agency) -> None:
    agency.stage.begun()
    agency.in_step()
    table = agency.airtable.base(BASE).table("Leads")
    assert table is not None
    record = table.records[agency.lead_ids()["ann"]]
    agency.airtable.delete(BASE, "Leads", record.id)
    agency.stage.ended()
    (row,) = agency.rows("Client Run Results")
    agency.stage.finish(str(row["Run ID"]), 30)
    agency.in_step()
    with agency.airtable.base(BASE).lock:
        table.records[record.id] = record
    agency.airtable.edit(BASE, "Leads", record.id, {STATUS: "Pending"})
    agency.stage.sandbox.faults = []
    next_day(agency)
    assert harvested(agency) == ["ann", "ann", "bob"]


def test_posts_that_come_while_a_base_is_blank_for_a_moment_arrive_when_it_is_back(agency: Agency) -> None:
    record = agency.airtable.records("Master Clients", "Clients")[0]["id"]
    full_id = agency.stage.begun()
    agency.in_step()
    agency.airtable.edit("Master Clients", "Clients", record, {"Airtable Base ID": None})
    agency.stage.ended()
    agency.stage.finish(full_id, 30)
    assert agency.stage.posts()
    assert agency.rows("Posts", CLIENT) == [], "the client is closed"
    agency.airtable.edit("Master Clients", "Clients", record, {"Airtable Base ID": BASE})
    agency.stage.api("GET", "/api/clients")
    agency.stage.clock.skip(minutes=6)
    agency.in_step()
    shown_keys = sorted(row["Post Key"] for row in agency.rows("Posts", CLIENT))
    assert shown_keys == sorted(agency.stage.posts())


@pytest.mark.parametrize("name", ["Posts Actioned", "Date Posts Scored"])
def test_a_guard_that_people_rename_guards_on(ledger_url: str, name: str) -> None:
    """It says who is not to be harvested any more: without it they would be paid for."""
    with on_airtable(ledger_url, {CLIENT: ["ann", "bob"]}) as agency:
        value = "2026-11-01" if name.startswith("Date") else "Yes"
        agency.airtable.edit(BASE, "Leads", agency.lead_ids()["ann"], {name: value})
        agency.harvest()
        agency.airtable.rename_field(BASE, "Leads", name, "What we called it first")
        agency.airtable.rename_table(BASE, "Leads", "People")
        next_day(agency)
        agency.airtable.rename_table(BASE, "People", "Leads")
        assert harvested(agency) == ["bob"]


def test_a_column_that_becomes_another_type_is_left_out_and_everything_else_arrives(agency: Agency) -> None:
    full_id = agency.stage.begun()
    agency.in_step()
    agency.airtable.drop_field(BASE, "Leads", "Posts Found (Last Run)")
    agency.airtable.add_field(BASE, "Leads", FieldSpec("Posts Found (Last Run)", "checkbox", {}))
    base = agency.airtable.base(BASE)
    table = base.table("Leads")
    assert table is not None
    with base.lock:  # as in the web interface, where a field keeps its ID when its type is changed
        field = table.field("Last Post Check At")
        assert field is not None
        field.type = "singleSelect"
        field.options = {"choices": []}
    agency.stage.ended()
    agency.stage.finish(full_id, 30)
    agency.in_step()
    assert shown(agency) == {"ann": "Done", "bob": "Done"}
    with agency.stage.ledger.read() as tx:
        assert outbox_counts.standing(tx)["parked"] == 0


def test_what_was_read_too_long_ago_is_not_harvested_by(agency: Agency) -> None:
    """A client that was switched off since cannot be told from one that was not."""
    agency.harvest()
    agency.airtable.add(BASE, "Leads", {"LinkedIn Profile URL": profile("cyd")})
    with agency.airtable.dark():
        agency.stage.clock.skip(hours=23)
        full_id = agency.stage.kickoff(CLIENT)
        agency.stage.clock.skip(hours=2)
        answer = agency.stage.api("POST", "/api/apify/process-client", {"clientId": CLIENT})
        assert (answer.status, answer.json["code"]) == (503, "airtable_unavailable")
        run = agency.stage.finish(full_id, 30)
        assert run["status"] == "Failed"
    assert harvested(agency) == ["ann", "bob"]
