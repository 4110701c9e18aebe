"""Leads that are due in Airtable are planned, newest first, as many as are needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airtable_stage import BASE, base_id, person
from factories import CLIENT_ID, NOW
from records import batches, record, sent

from harvester.ledger import outbox
from harvester.models import ClientRunStatus, LeadStatus
from services.kickoff import Order

from .agency_day import OLD, Opened, kicked_off, lead, over, people, url


def test_the_newest_due_leads_are_planned_as_many_as_the_target_needs(opened: Opened) -> None:
    stage = opened(people(9), Posts_Daily_Target=5)
    kicked_off(stage)
    assert sent(stage.ledger) == [sorted(url(number) for number in (9, 8, 7))]
    assert lead(stage, 9).status is LeadStatus.PROCESSING
    assert (lead(stage, 9).name, lead(stage, 9).created_at) == ("Person 9", OLD + timedelta(minutes=9))
    assert stage.lists(BASE) == 1
    assert stage.lists(base_id(2)) == 0


@pytest.mark.parametrize(
    "cells",
    [
        {"Posts Harvest Status": "Done"},
        {"Posts Harvest Status": "No Posts"},
        {
            "Posts Harvest Status": "Processing",
            "Last Post Check At": (NOW - timedelta(minutes=5)).isoformat(),
        },
        {"Posts Actioned": "Yes"},
        {"Date Posts Scored": "2026-11-01"},
        {"LinkedIn Profile URL": None},
        {"LinkedIn Profile URL": "https://example.com/in/somebody"},
        {"LinkedIn Profile URL": "https://www.linkedin.com/feed/"},
    ],
)
def test_who_is_not_due_is_not_harvested(opened: Opened, cells: dict[str, Any]) -> None:
    stage = opened([person(2, NOW, **cells), person(1, OLD)])
    kicked_off(stage)
    assert sent(stage.ledger) == [[url(1)]]


@pytest.mark.parametrize(
    "cells",
    [
        {"Posts Harvest Status": "Pending"},
        {"Posts Harvest Status": "Processing", "Last Post Check At": (NOW - timedelta(hours=1)).isoformat()},
        {"Posts Harvest Status": "Processing"},
        {"Posts Actioned": "0"},
        {"Date Created": None},
    ],
)
def test_who_is_due_in_another_way_is_harvested(opened: Opened, cells: dict[str, Any]) -> None:
    stage = opened([person(1, NOW, **cells)])
    kicked_off(stage)
    assert sent(stage.ledger) == [[url(1)]]


def test_unusable_rows_do_not_starve_those_behind_them(on_both: Opened) -> None:
    bad = [
        {"LinkedIn Profile URL": f"https://example.com/{number}", "Date Created": NOW.isoformat()}
        for number in range(150)
    ]
    doubles = [person(1, NOW, **{"LinkedIn Profile URL": f"{url(1)}/?n={number}"}) for number in range(120)]
    stage = on_both(
        [*bad, *doubles, person(2, OLD), person(3, OLD - timedelta(days=1))], Posts_Daily_Target=6
    )
    kicked_off(stage)
    assert sent(stage.ledger) == [[url(1), url(2), url(3)]]
    with stage.ledger.read() as tx:
        found = outbox.lead_records(tx, BASE, [lead(stage, 1).id])
    assert len(found[lead(stage, 1).id]) == 120  # each of the doubles shows what becomes of the lead


def test_no_more_is_read_than_is_needed(opened: Opened) -> None:
    stage = opened(people(350))
    kicked_off(stage)
    assert stage.lists(BASE) == 1
    assert sum(len(batch) for batch in sent(stage.ledger)) == 5


def test_batches_follow_until_the_target_is_met_and_no_lead_comes_twice(on_both: Opened) -> None:
    stage = on_both(people(30))
    kicked_off(stage)
    for _ in range(20):
        if record(stage.ledger).status != ClientRunStatus.RUNNING:
            break
        over(stage)
    assert [len(batch) for batch in sent(stage.ledger)] == [5, 3, 1, 1]
    every = [one for batch in sent(stage.ledger) for one in batch]
    assert sorted(every) == sorted(url(number) for number in range(21, 31))
    assert record(stage.ledger).status is ClientRunStatus.COMPLETED


def test_a_client_run_ends_when_there_are_no_more_leads(opened: Opened) -> None:
    stage = opened(people(2))
    kicked_off(stage)
    over(stage)
    done = record(stage.ledger)
    assert (done.status, len(batches(stage.ledger)), stage.waiting()) == (ClientRunStatus.COMPLETED, 1, [])


def test_without_due_leads_it_says_so(opened: Opened) -> None:
    stage = opened([])
    kicked_off(stage)
    assert record(stage.ledger).status is ClientRunStatus.COMPLETED
    assert "no leads were due" in record(stage.ledger).system_notes


def test_explicit_profiles_are_planned_at_once(opened: Opened) -> None:
    stage = opened(people(3))
    assert stage.kickoff(Order(CLIENT_ID, target_urls=[url(77)])).outcome == "accepted"
    assert (sent(stage.ledger), stage.intake.due()) == ([[url(77)]], [])
