"""Each lead is harvested once, whoever has changed what in Airtable meanwhile."""

from __future__ import annotations

import random
from functools import partial

import pytest
from airtable_stage import BASE, AirtableStage, person
from factories import CLIENT_ID, NOW, make_leads
from records import FULL_ID, batches, sent

from harvester.ledger import actor_runs, client_runs, leads
from harvester.models import ClientRunStatus, LeadStatus
from services.kickoff import Order

from .agency_day import OLD, Opened, kicked_off, latest, lead, over, people, row_id, shown, url


def test_what_airtable_was_not_told_of_yet_is_not_harvested_again(on_both: Opened) -> None:
    stage = on_both(people(1))
    kicked_off(stage)
    over(stage)
    assert shown(stage, 1).get("Posts Harvest Status") is None  # as due as ever, for whoever asks Airtable
    stage.clock.advance(days=1)
    kicked_off(stage)
    assert (batches(stage.ledger, latest(stage).client_run_id), lead(stage, 1).status) == (
        [],
        LeadStatus.DONE,
    )


def test_who_is_put_back_by_a_person_is_harvested_again(on_both: Opened) -> None:
    stage = on_both(people(1))
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


def test_a_row_that_becomes_another_persons_is_another_lead(on_both: Opened) -> None:
    stage = on_both(people(1))
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


def test_who_is_in_an_open_batch_is_not_planned_by_another_client_run(on_both: Opened) -> None:
    stage = on_both(people(3))
    kicked_off(stage)
    with stage.ledger.write() as tx:
        client_runs.finish(tx, FULL_ID, status=ClientRunStatus.FAILED, now=NOW)
    stage.clock.advance(days=1)
    for row in stage.leads():
        stage.sandbox.edit(BASE, "Leads", row["id"], {"Posts Harvest Status": "Pending"})
    kicked_off(stage)
    assert batches(stage.ledger, latest(stage).client_run_id) == []


def test_nobody_is_harvested_twice_and_nobody_forgotten(opened: Opened) -> None:
    tell_a_story(opened, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
def test_nobody_is_harvested_twice_and_nobody_forgotten_on_both(on_both: Opened, seed: int) -> None:
    tell_a_story(on_both, seed)


def tell_a_story(opened: Opened, seed: int) -> None:
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
