"""Cancel and retry of a client whose leads are in Airtable."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from airtable_stage import AirtableStage
from factories import CLIENT_ID, FakeClock, make_limits, opened
from intake.agency_day import Opened, kicked_off, latest, lead, over, people, stages
from records import batches, sent

from harvester.ledger import actor_runs
from harvester.models import ClientRunStatus, LeadStatus
from services.cancel import Cancel
from services.kickoff import Order
from services.outcome import give_up
from services.retry import Retry


@pytest.fixture
def open_stage(sqlite_url: str, clock: FakeClock) -> Iterator[Opened]:
    """Open stages with one client in Airtable."""
    with opened(sqlite_url) as ledger, stages(ledger, clock) as found:
        yield found


def retry(stage: AirtableStage) -> str:
    """Try the latest client run again, a moment later."""
    stage.clock.advance(seconds=1)
    again = Retry(stage.ledger, make_limits(), stage.clock, read_clients=lambda: None)
    answer = again(latest(stage).client_run_id, by="test")
    stage.read_all()
    return answer.outcome


def cancel(stage: AirtableStage) -> ClientRunStatus:
    return Cancel(stage.ledger, stage.settle, stage.clock)(latest(stage).client_run_id, by="test").status


def given_up(stage: AirtableStage) -> None:
    for run in batches(stage.ledger, latest(stage).client_run_id):
        with stage.ledger.write() as tx:
            until = stage.clock() + timedelta(seconds=9)
            held = actor_runs.claim(tx, run.id, owner="test", now=stage.clock(), until=until)
            assert held is not None
            give_up(tx, held, code="refused", reason="no credit", now=stage.clock())
    stage.settle_all()


def test_one_that_waits_for_its_leads_ends_at_once(open_stage: Opened) -> None:
    stage = open_stage(people(4))
    assert stage.kickoff(Order(CLIENT_ID)).outcome == "accepted"
    assert cancel(stage) is ClientRunStatus.CANCELLED
    stage.read_all()
    assert batches(stage.ledger, latest(stage).client_run_id) == []
    assert retry(stage) == "accepted"
    assert len(sent(stage.ledger, latest(stage).client_run_id)[0]) == 4
    over(stage)
    assert latest(stage).status is ClientRunStatus.COMPLETED


@pytest.mark.parametrize("told", [True, False])
def test_its_leads_are_tried_again_whether_airtable_was_told_or_not(open_stage: Opened, told: bool) -> None:
    stage = open_stage(people(4), Posts_Daily_Target=6)
    kicked_off(stage)
    stage.tell()
    given_up(stage)
    if told:
        stage.tell()
    assert latest(stage).status is ClientRunStatus.FAILED
    assert retry(stage) == "accepted"
    first, second = sent(stage.ledger, latest(stage).client_run_id)
    assert first == second
    over(stage, lambda _: LeadStatus.NO_POSTS)
    assert latest(stage).status is ClientRunStatus.RUNNING, "its target is not met"
    over(stage, lambda _: LeadStatus.NO_POSTS)
    assert latest(stage).status is ClientRunStatus.COMPLETED
    assert lead(stage, 1).status is LeadStatus.NO_POSTS
    assert len(sent(stage.ledger, latest(stage).client_run_id)) == 3
