"""Airtable is down, a base is not as it must be, a client is closed: it ends, and says why."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from airtable_stage import BASE, AirtableStage, base_id, person
from factories import CLIENT_ID, NOW
from records import batches, record, sent

from harvester.ledger import clients, leads
from harvester.models import ClientRunStatus, LeadStatus
from harvester.sandbox.airtable import FieldSpec
from harvester.sandbox.airtable.agency import MASTER_ID
from services.kickoff import Order
from services.schemas import Schemas

from .agency_day import Opened, kicked_off, latest, over, people, row_id, url


def test_while_airtable_is_down_it_waits_and_then_does_with_what_the_ledger_knows(on_both: Opened) -> None:
    stage = on_both(people(8))
    kicked_off(stage)
    for _ in range(2):
        over(stage, lambda _: LeadStatus.NO_POSTS)
    stage.tell()
    assert record(stage.ledger).status is ClientRunStatus.COMPLETED
    stage.sandbox.add(BASE, "Leads", person(99, NOW))
    with stage.ledger.write() as tx:
        leads.add(tx, CLIENT_ID, [known_row(5)])
    stage.clock.advance(days=1)
    stage.roster.refresh()
    began = stage.clock()
    with stage.sandbox.dark():
        assert stage.kickoff(Order(CLIENT_ID)).outcome == "accepted"
        stage.read_all()
        waited = stage.clock() - began
    assert timedelta(seconds=45) <= waited <= timedelta(seconds=110)
    run = latest(stage)
    assert sent(stage.ledger, run.client_run_id) == [[known_row(5)["profile_url"]]]
    assert "Airtable could not be asked" in run.system_notes
    assert "as of 2026-11-22 05:00" in run.system_notes


def known_row(number: int) -> dict[str, Any]:
    address = f"https://www.linkedin.com/in/known-{number}"
    return {"profile_url": address, "given_url": address, "name": None, "extra": {}, "created_at": NOW}


def test_airtable_down_and_nothing_known_is_a_failure_with_its_reason(opened: Opened) -> None:
    stage = opened(people(3))
    stage.roster.refresh()
    with stage.sandbox.dark():
        kicked_off(stage)
    assert record(stage.ledger).status is ClientRunStatus.FAILED
    assert "none of this client's was ever read" in record(stage.ledger).system_notes


@pytest.mark.parametrize(
    "kind", ["too-fast", "bad-gateway", "unavailable", "reset", "capped", "iterator-expired"]
)
def test_what_passes_is_waited_for(opened: Opened, kind: Any) -> None:
    stage = opened(people(250, **{"Posts Actioned": ""}), Posts_Daily_Target=500)
    stage.sandbox.inject(kind, table="Leads", times=1, skip=1)
    kicked_off(stage)
    planned = [one for batch in sent(stage.ledger) for one in batch]
    assert len(planned) == len(set(planned)) == 200  # ten batches of twenty
    assert record(stage.ledger).status is ClientRunStatus.RUNNING


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda stage: stage.sandbox.drop_table(BASE, "Leads"), "make a table 'Leads'"),
        (
            lambda stage: stage.sandbox.drop_field(BASE, "Leads", "Posts Harvest Status"),
            "Posts Harvest Status",
        ),
        (
            lambda stage: stage.sandbox.drop_field(BASE, "Leads", "LinkedIn Profile URL"),
            "LinkedIn Profile URL",
        ),
        (
            lambda stage: stage.sandbox.inject("forbidden", base=BASE, times=None),
            "see that its Airtable Base ID in Clients is right",
        ),
    ],
)
def test_a_base_that_is_not_as_it_must_be_ends_the_client_run_and_nothing_else_is_asked(
    opened: Opened, spoil: Callable[[AirtableStage], None], told: str
) -> None:
    stage = opened(people(3))
    stage.roster.refresh()
    Schemas(stage.ledger, stage.gateway, stage.clock).of(BASE)  # it is known as it was
    spoil(stage)
    kicked_off(stage)
    run = record(stage.ledger)
    assert (run.status, batches(stage.ledger)) == (ClientRunStatus.FAILED, [])
    assert told in run.system_notes
    assert BASE in run.system_notes
    assert not [one for one in stage.sandbox.ledger().requests if one.base == base_id(2)]


def test_a_column_that_cannot_hold_the_outcome_is_refused_before_anything_is_paid(opened: Opened) -> None:
    """Otherwise the same leads would be due, and paid for, every day."""
    stage = opened(people(1))
    stage.sandbox.drop_field(BASE, "Leads", "Posts Harvest Status")
    choices = {"choices": [{"name": "Pending"}, {"name": "Processing"}]}
    stage.sandbox.add_field(BASE, "Leads", FieldSpec("Posts Harvest Status", "singleSelect", choices))
    kicked_off(stage)
    assert record(stage.ledger).status is ClientRunStatus.FAILED
    assert "'Done'" in record(stage.ledger).system_notes


@pytest.mark.parametrize("kind", ["number", "checkbox", "singleLineText", "multilineText", None])
def test_posts_actioned_may_be_of_any_type_or_not_there(opened: Opened, kind: str | None) -> None:
    stage = opened(people(2))
    for column in ("Posts Actioned", "Date Posts Scored", "Date Created", "Last Post Check At"):
        stage.sandbox.drop_field(BASE, "Leads", column)
    if kind is not None:
        options: dict[str, Any] = {"precision": 0} if kind == "number" else {}
        options = {"icon": "check", "color": "greenBright"} if kind == "checkbox" else options
        stage.sandbox.add_field(BASE, "Leads", FieldSpec("Posts Actioned", kind, options))
        yes = {"number": 1, "checkbox": True}.get(kind, "Yes")
        stage.sandbox.edit(BASE, "Leads", row_id(stage, 1), {"Posts Actioned": yes})
    kicked_off(stage)
    assert sent(stage.ledger) == [[url(2)] if kind else [url(1), url(2)]]


def test_a_closed_client_gets_a_record_with_the_reason_and_its_base_is_left_alone(opened: Opened) -> None:
    stage = opened(people(3), Timezone="Nowhere/Atall")
    kicked_off(stage)
    stage.settle_all()
    run = record(stage.ledger)
    assert (run.status, batches(stage.ledger)) == (ClientRunStatus.FAILED, [])
    assert "Timezone is 'Nowhere/Atall'" in run.system_notes
    assert stage.kickoff(Order(CLIENT_ID, target_urls=[url(1)])).outcome == "accepted"
    stage.settle_all()
    assert latest(stage).status is ClientRunStatus.FAILED
    assert batches(stage.ledger, latest(stage).client_run_id) == []
    assert not [one for one in stage.sandbox.ledger().requests if one.base == BASE]


def test_a_client_that_is_closed_in_mid_run_ends_with_errors(opened: Opened) -> None:
    stage = opened(people(30))
    kicked_off(stage)
    (client,) = stage.sandbox.records(MASTER_ID, "Clients")
    stage.sandbox.edit(MASTER_ID, "Clients", client["id"], {"Posts Daily Target": -1})
    stage.roster.refresh(force=True)
    with stage.ledger.write() as tx:  # what it is still worth, whatever its row says
        clients.change(tx, CLIENT_ID, daily_target=10)
    over(stage)
    run = record(stage.ledger)
    assert (run.status, len(batches(stage.ledger))) == (ClientRunStatus.COMPLETED_WITH_ERRORS, 1)
    assert "Posts Daily Target is '-1'" in run.system_notes


def test_a_client_run_whose_leads_cannot_be_read_for_too_long_fails(on_both: Opened) -> None:
    stage = on_both(people(1))
    assert stage.kickoff(Order(CLIENT_ID)).outcome == "accepted"
    stage.settle_all()
    assert record(stage.ledger).status is ClientRunStatus.RUNNING
    stage.clock.advance(days=1)
    stage.settle_all()
    assert record(stage.ledger).status is ClientRunStatus.FAILED
    assert "its leads were not read within 24 h" in record(stage.ledger).system_notes
    assert stage.waiting() == []
