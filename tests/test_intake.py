"""Intake: leads that are due in Airtable are harvested, each once, whoever has changed what meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from airtable_stage import BASE, AirtableStage, base_id, opened_stage, person
from factories import CLIENT_ID, NOW, FakeClock, end_run, make_client, make_leads, make_limits
from records import FULL_ID, all_records, batches, harvested, record, sent

from harvester.airtable_answers import Record
from harvester.airtable_schema import Table
from harvester.ledger import Ledger, actor_runs, client_runs, clients, leads, outbox, outcomes
from harvester.models import ClientRun, ClientRunStatus, Lead, LeadStatus
from harvester.sandbox.airtable import FieldSpec
from harvester.sandbox.airtable.agency import MASTER_ID, client_row
from services.intake import Intake
from services.kickoff import Kickoff, Order
from services.schemas import Schemas
from services.settle import Settle

OLD = NOW - timedelta(days=30)
Opened = Callable[..., AirtableStage]


@pytest.fixture
def opened(ledger: Ledger, clock: FakeClock) -> Iterator[Opened]:
    """Open a stage with one client that has these rows of Leads; keywords are cells of its row of Clients."""
    with ExitStack() as stack:

        def open_(rows: Sequence[Mapping[str, Any]], **cells: Any) -> AirtableStage:
            named = {name.replace("_", " "): value for name, value in cells.items()}
            usual = {"Posts Daily Target": 10, "Leads Batch Size for Post Collection": 20}
            return stack.enter_context(
                opened_stage(
                    ledger,
                    clock,
                    clients=[client_row(CLIENT_ID, BASE, **{**usual, **named})],
                    leads={BASE: rows, base_id(2): [person(900, NOW)]},
                )
            )

        yield open_


def people(count: int, **more: Any) -> list[dict[str, Any]]:
    """Give rows of Leads that are due, oldest first: person 1 is the oldest."""
    return [person(number, OLD + timedelta(minutes=number), **more) for number in range(1, count + 1)]


def url(number: int) -> str:
    return f"https://www.linkedin.com/in/person-{number}"


def kicked_off(stage: AirtableStage, **more: Any) -> None:
    """Kick the client off, and read its leads."""
    answer = stage.kickoff(Order(CLIENT_ID, **more))
    assert answer.outcome == "accepted", answer
    stage.read_all()


def lead(stage: AirtableStage, number: int) -> Lead:
    with stage.ledger.read() as tx:
        (found,) = leads.by_urls(tx, CLIENT_ID, [url(number)])
    return found


def over(stage: AirtableStage, outcome: Callable[[int], LeadStatus] = lambda _: LeadStatus.DONE) -> None:
    """Have Apify answer for every open batch, and settle. `outcome` says what comes of a lead, by its ID."""
    for run in batches(stage.ledger, latest(stage).client_run_id):
        if run.state != "planned":
            continue
        now = stage.clock()
        end_run(stage.ledger, run, now=now, cursor=1, apify_run_id=f"{run.marker[:17]}")
        with stage.ledger.write() as tx:
            for target in actor_runs.targets(tx, run.id):
                status = outcome(target.lead_id)
                found = int(status is LeadStatus.DONE)
                one: Any = {"posts_found": found, "now": now}
                outcomes.decide(tx, run.id, target.lead_id, outcome=status, detail=None, **one)
                leads.decide(tx, target.lead_id, client_run_id=run.client_run_id, status=status, **one)
    stage.settle_all()
    stage.read_all()


def latest(stage: AirtableStage) -> ClientRun:
    """Give the client run that was made last."""
    return all_records(stage.ledger)[0]


def shown(stage: AirtableStage, number: int) -> dict[str, Any]:
    """Give the cells of a person's row."""
    (found,) = [
        row["fields"] for row in stage.leads() if row["fields"].get("LinkedIn Profile URL") == url(number)
    ]
    return dict(found)


def row_id(stage: AirtableStage, number: int) -> str:
    (found,) = [
        row["id"] for row in stage.leads() if row["fields"].get("LinkedIn Profile URL") == url(number)
    ]
    return str(found)


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


def test_unusable_rows_do_not_starve_those_behind_them(opened: Opened) -> None:
    bad = [
        {"LinkedIn Profile URL": f"https://example.com/{number}", "Date Created": NOW.isoformat()}
        for number in range(150)
    ]
    doubles = [person(1, NOW, **{"LinkedIn Profile URL": f"{url(1)}/?n={number}"}) for number in range(120)]
    stage = opened([*bad, *doubles, person(2, OLD), person(3, OLD - timedelta(days=1))], Posts_Daily_Target=6)
    kicked_off(stage)
    assert sent(stage.ledger) == [[url(1), url(2), url(3)]]
    with stage.ledger.read() as tx:
        found = outbox.lead_records(tx, [lead(stage, 1).id])
    assert len(found[lead(stage, 1).id]) == 120  # each of the doubles shows what becomes of the lead


def test_no_more_is_read_than_is_needed(opened: Opened) -> None:
    stage = opened(people(350))
    kicked_off(stage)
    assert stage.lists(BASE) == 1
    assert sum(len(batch) for batch in sent(stage.ledger)) == 5


def test_batches_follow_until_the_target_is_met_and_no_lead_comes_twice(opened: Opened) -> None:
    stage = opened(people(30))
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


# Whose word counts.


def test_what_airtable_was_not_told_of_yet_is_not_harvested_again(opened: Opened) -> None:
    stage = opened(people(1))
    kicked_off(stage)
    over(stage)
    assert shown(stage, 1).get("Posts Harvest Status") is None  # as due as ever, for whoever asks Airtable
    stage.clock.advance(days=1)
    kicked_off(stage)
    assert (batches(stage.ledger, latest(stage).client_run_id), lead(stage, 1).status) == (
        [],
        LeadStatus.DONE,
    )


def test_who_is_put_back_by_a_person_is_harvested_again(opened: Opened) -> None:
    stage = opened(people(1))
    kicked_off(stage)
    over(stage)
    stage.tell()
    assert shown(stage, 1)["Posts Harvest Status"] == "Done"
    stage.sandbox.edit(BASE, "Leads", row_id(stage, 1), {"Posts Harvest Status": "Pending"})
    stage.clock.advance(days=1)
    kicked_off(stage)
    assert sent(stage.ledger, latest(stage).client_run_id) == [[url(1)]]
    over(stage)  # nobody told Airtable anything meanwhile: it still shows what the person wrote
    stage.tell()
    assert shown(stage, 1)["Posts Harvest Status"] == "Done"


def test_what_the_ledger_knew_before_is_not_harvested_for_a_row_that_is_new(opened: Opened) -> None:
    """Its posts were harvested by the address alone, or while Airtable was off."""
    stage = opened([])
    stage.roster.refresh()
    (done,) = make_leads(stage.ledger, status=LeadStatus.DONE)
    stage.sandbox.add(BASE, "Leads", {"LinkedIn Profile URL": done.given_url})
    kicked_off(stage)
    assert batches(stage.ledger) == []
    stage.tell()
    assert stage.leads()[0]["fields"]["Posts Harvest Status"] == "Done"


def test_a_row_that_becomes_another_persons_is_another_lead(opened: Opened) -> None:
    stage = opened(people(1))
    kicked_off(stage)
    over(stage)
    stage.tell()
    row = row_id(stage, 1)
    stage.sandbox.edit(BASE, "Leads", row, {"LinkedIn Profile URL": url(2), "Posts Harvest Status": None})
    stage.clock.advance(days=1)
    kicked_off(stage)
    assert sent(stage.ledger, latest(stage).client_run_id) == [[url(2)]]
    over(stage, lambda _: LeadStatus.NO_POSTS)
    stage.tell()
    assert shown(stage, 2)["Posts Harvest Status"] == "No Posts"
    assert lead(stage, 1).status is LeadStatus.DONE


def test_who_is_in_an_open_batch_is_not_planned_by_another_client_run(opened: Opened) -> None:
    stage = opened(people(3))
    kicked_off(stage)
    with stage.ledger.write() as tx:
        client_runs.finish(tx, FULL_ID, status=ClientRunStatus.FAILED, now=NOW)
    stage.clock.advance(days=1)
    for row in stage.leads():
        stage.sandbox.edit(BASE, "Leads", row["id"], {"Posts Harvest Status": "Pending"})
    kicked_off(stage)
    assert batches(stage.ledger, latest(stage).client_run_id) == []


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 9))])
def test_nobody_is_harvested_twice_and_nobody_forgotten_whatever_happens_when(
    opened: Opened, seed: int
) -> None:
    """People put leads back, Airtable is told late or not at all, actor runs fail for some, rows come double.

    A lead may be planned once for each time that it was made due: at first, by a person, by a failure.
    """
    chance = random.Random(seed)
    numbers = range(1, 13)
    doubles = [person(number, OLD) for number in chance.sample(numbers, 3)]
    stage = opened([*people(12), *doubles], Posts_Daily_Target=6, Leads_Batch_Size_for_Post_Collection=2)
    allowed = dict.fromkeys(map(url, numbers), 1)
    counted: set[str] = set()
    for _ in range(10):
        if chance.random() < 0.6:
            stage.tell()
        for row in stage.leads():
            if chance.random() < 0.12 and row["fields"].get("Posts Harvest Status") in ("Done", "No Posts"):
                stage.sandbox.edit(BASE, "Leads", row["id"], {"Posts Harvest Status": "Pending"})
                allowed[row["fields"]["LinkedIn Profile URL"]] += 1
        if chance.random() < 0.4:
            stage.clock.advance(days=1)
        if stage.kickoff(Order(CLIENT_ID)).outcome == "accepted":
            stage.read_all()
        count_planned(stage, counted, allowed)
        over(stage, partial(failing, stage, chance, allowed))
        count_planned(stage, counted, allowed)
    # Now nobody interferes any more: in the end everybody has been harvested, and Airtable shows it.
    for _ in range(30):
        stage.tell()
        if {row["fields"].get("Posts Harvest Status") for row in stage.leads()} <= {"Done", "No Posts"}:
            return
        stage.clock.advance(days=1)
        stage.kickoff(Order(CLIENT_ID))
        stage.read_all()
        over(stage)
        count_planned(stage, counted, allowed)
    raise AssertionError("some are never harvested")


def count_planned(stage: AirtableStage, counted: set[str], allowed: dict[str, int]) -> None:
    """Count every plan of a lead once against how often it was due."""
    with stage.ledger.read() as tx:
        for run in client_runs.page(tx, limit=999)[0]:
            for batch in actor_runs.of_client_run(tx, run.client_run_id):
                for target in actor_runs.targets(tx, batch.id):
                    if (key := f"{batch.id} {target.target_url}") not in counted:
                        counted.add(key)
                        allowed[target.target_url] -= 1
                        assert allowed[target.target_url] >= 0, f"{target.target_url} twice"


def failing(stage: AirtableStage, chance: random.Random, allowed: dict[str, int], lead_id: int) -> LeadStatus:
    status = chance.choice([LeadStatus.DONE, LeadStatus.NO_POSTS, LeadStatus.PENDING])
    if status is LeadStatus.PENDING:
        with stage.ledger.read() as tx:
            (found,) = [one for one in leads.page(tx, CLIENT_ID, limit=99) if one.id == lead_id]
        allowed[found.profile_url] += 1
    return status


# What goes wrong.


def test_while_airtable_is_down_it_waits_and_then_does_with_what_the_ledger_knows(opened: Opened) -> None:
    stage = opened(people(8))
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
            "put the right Airtable Base ID",
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


def test_a_client_run_whose_leads_cannot_be_read_for_too_long_fails(opened: Opened) -> None:
    stage = opened(people(1))
    assert stage.kickoff(Order(CLIENT_ID)).outcome == "accepted"
    stage.settle_all()
    assert record(stage.ledger).status is ClientRunStatus.RUNNING
    stage.clock.advance(days=1)
    stage.settle_all()
    assert record(stage.ledger).status is ClientRunStatus.FAILED
    assert "its leads were not read within 24 h" in record(stage.ledger).system_notes
    assert stage.waiting() == []


# Several processes.


class Meanwhile:
    """A gateway during whose one page something else happens."""

    def __init__(self, stage: AirtableStage, happens: Callable[[], object]) -> None:
        self._stage = stage
        self._happens = happens

    def pages(self, base: str, table: Table, **how: Any) -> Iterator[list[Record]]:
        page = next(self._stage.gateway.pages(base, table, **how))
        self._happens()
        yield page


def reading_while(stage: AirtableStage, happens: Callable[[], object]) -> Intake:
    """Give the intake of another process, during whose read something happens."""
    schemas = Schemas(stage.ledger, stage.gateway, stage.clock)
    gateway = Meanwhile(stage, happens)
    base, retry = MASTER_ID, timedelta(seconds=1)
    return Intake(
        stage.ledger,
        gateway,
        schemas,
        stage.settle,
        make_limits(),
        stage.clock,
        master_base=base,
        retry_base=retry,
    )


def test_of_two_that_read_at_once_one_plans(opened: Opened) -> None:
    """The first takes so long that the second takes over; what the first has read is thrown away."""
    stage = opened(people(5))
    stage.kickoff(Order(CLIENT_ID))

    def taken_over() -> None:
        assert stage.intake.due() == []
        stage.intake(FULL_ID)
        assert batches(stage.ledger) == []
        stage.clock.advance(minutes=5)
        stage.read_all()

    reading_while(stage, taken_over)(FULL_ID)
    assert [len(batch) for batch in sent(stage.ledger)] == [5]


def cancelled(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        client_runs.finish(tx, FULL_ID, status=ClientRunStatus.CANCELLED, now=stage.clock())


def base_changed(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        clients.change(tx, CLIENT_ID, airtable_base=base_id(3))


def switched_off(stage: AirtableStage) -> None:
    with stage.ledger.write() as tx:
        clients.change(tx, CLIENT_ID, status="Inactive")


@pytest.mark.parametrize("happens", [cancelled, base_changed, switched_off])
def test_what_changes_during_the_read_is_heeded(
    opened: Opened, happens: Callable[[AirtableStage], None]
) -> None:
    stage = opened(people(5))
    stage.kickoff(Order(CLIENT_ID))
    reading_while(stage, lambda: happens(stage))(FULL_ID)
    assert batches(stage.ledger) == []


def test_where_airtable_is_off_leads_come_from_the_ledger(
    ledger: Ledger, kickoff: Kickoff, settle: Settle
) -> None:
    """A client that was Airtable's, and a client run that still waits for leads, do not hang."""
    make_client(ledger, origin="airtable", airtable_base=BASE)
    (one,) = make_leads(ledger)
    kickoff(Order(CLIENT_ID))
    assert sent(ledger) == [[one.profile_url]]
    harvested(ledger, batches(ledger)[0])
    with ledger.write() as tx:
        client_runs.ask_for_leads(tx, FULL_ID, at=NOW)
        assert settle.due(tx, 9) == [FULL_ID]
    settle(FULL_ID)
    assert record(ledger).status is ClientRunStatus.COMPLETED
