"""Warned of and paused: from what actor runs bring, to what a person reads and does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import FakeClock, make_client
from flow.conftest import MakeStage
from sqlalchemy import select

from harvester.ledger import Ledger, alerts
from harvester.ledger.page_tables import run_events
from harvester.posts import RejectReason
from services.drift_report import Drift
from services.pauses import Pauses, of_actor

from .bringing import ACTOR, OTHER_ITEM, Bringing

NONSENSE = {"kind": "post-v2", "ref": 1}


@pytest.fixture
def bring(ledger: Ledger) -> Bringing:
    """Outputs on either database."""
    return Bringing(ledger)


def told(bring: Bringing, key: str) -> alerts.Alert | None:
    with bring.ledger.read() as tx:
        return alerts.one(tx, key, now=bring.now)


def test_a_jump_is_told_with_the_field_behind_it_until_the_output_is_as_it_was(bring: Bringing) -> None:
    for _ in range(5):
        bring(20)
    assert told(bring, f"output of {ACTOR}") is None
    bring(14, 6, undated=14, item=OTHER_ITEM)
    alert = told(bring, f"output of {ACTOR}")
    assert alert is not None
    for words in (
        "6 of 20 items",
        "14 of 14 posts had no time (100%), where it was 0%",
        "the field id: gone",
    ):
        assert words in alert.text
    with bring.ledger.read() as tx:
        lines = tx.execute(select(run_events.c.detail).where(run_events.c.kind == "drift")).scalars().all()
    assert [line.startswith(f"Output of {ACTOR}: 6 of 20 items") for line in lines] == [True]
    assert bring.pause() is None, "most of it is of use"
    bring(20)
    assert told(bring, f"output of {ACTOR}") is None


def test_small_runs_pause_an_actor_together_and_a_person_is_not_overruled_by_them(bring: Bringing) -> None:
    pauses = Pauses(bring.ledger, lambda: bring.now, max_in_flight=5)
    for _ in range(9):
        bring(0, 1)
        assert bring.pause() is None
    bring(0, 1)
    pause = bring.pause()
    assert pause is not None
    assert (pause.paused_by, "10 of its last 10 items" in pause.reason) == ("drift", True)
    alert = told(bring, f"actor {ACTOR} paused")
    assert alert is not None
    for command in ("harvester drift", "harvester resume --actor", "harvester backfill", "harvester retry"):
        assert command in alert.text
    assert pauses.lift(of_actor(ACTOR), by="Ann")
    assert told(bring, f"actor {ACTOR} paused") is None
    for _ in range(9):
        bring(0, 1)
        assert bring.pause() is None, "what was let pass counts no more"
    bring(0, 1)
    assert bring.pause() is not None


def test_what_is_a_day_back_pauses_nothing(bring: Bringing) -> None:
    for _ in range(9):
        bring(0, 1)
    bring.now += timedelta(hours=25)
    bring(0, 1)
    assert bring.pause() is None


def test_an_actor_that_brings_errors_alone_is_paused_once_they_are_many(bring: Bringing) -> None:
    bring(0, errors=29)
    assert bring.pause() is None
    bring(0, errors=30)
    assert bring.pause() is not None


def test_the_report_says_what_changed_and_why_items_were_refused(bring: Bringing) -> None:
    for _ in range(4):
        bring(15)
    bring(10, 20, item=OTHER_ITEM)
    (report,) = Drift(bring.ledger).actors(ACTOR, rejects=True)
    rates = {one["name"]: one for one in report["rates"]}
    assert (rates["rejects"]["now"], rates["rejects"]["before"]) == (0.6667, 0.0)
    assert [name for name, one in rates.items() if one["jumped"]] == ["rejects"]
    changed = {one["field"]: one["what"] for one in report["changes"]}
    assert changed == {"id": "gone", "postedAt": "gone", "postedAt.timestamp": "gone"} | {
        "content": "another type",
        "ref": "new",
    }
    (refused,) = report["rejects"]
    assert (refused["reason"], refused["items"]) == (RejectReason.UNKNOWN_TYPE, 20)
    assert refused["samples"][0]["sample"] == '{"a": 1}'
    make_client(bring.ledger, "Other")
    (report,) = Drift(bring.ledger).actors(ACTOR, client_id="Other")
    assert report["latest"]["actorRuns"] == 0
    assert report["paused"] is not None


def test_starts_of_a_paused_actor_wait_and_those_of_others_go_on(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(apify={"datasets": {"ann": [NONSENSE] * 30}})
    stage.harvest("ann")
    waits = stage.kickoff(stage.agency("bob", client_id="Bo"))
    started = len(stage.sandbox.ledger().starts)
    for _ in range(5):
        stage.turn()
        stage.clock.skip(seconds=30)
    assert len(stage.sandbox.ledger().starts) == started
    state = stage.api("GET", "/api/starts").json["starts"]
    assert (state["paused"], [one["actorId"] for one in state["pauses"]]) == (False, [ACTOR])
    other = stage.agency("cho", client_id="Cy", actor_id="supreme_coder/linkedin-post")
    goes_on = stage.kickoff(other)
    stage.work(lambda: stage.run(goes_on)["status"] != "Running")
    assert len(stage.sandbox.ledger().starts) == started + 1
    answer = stage.api("POST", "/api/starts/resume", {"actorId": ACTOR})
    assert answer.json["lifted"]
    assert stage.finish(waits)["status"] == "Completed"


def test_what_is_asked_for_again_and_again_pauses_nothing(make_stage: MakeStage) -> None:
    """A profile that brings nonsense does so each time, and is asked for apart."""
    stage = make_stage(apify={"datasets": {"ann": [NONSENSE] * 8}})
    for client_id in ("Ada", "Bo"):
        stage.agency("ann", client_id=client_id)
        for _ in range(3):
            stage.finish(stage.kickoff(client_id))
            stage.clock.skip(seconds=1)
    assert len(stage.sandbox.ledger().starts) == 6
    assert stage.web.pauses.standing() == []


def test_a_person_pauses_an_actor_by_any_way_in(ledger: Ledger, clock: FakeClock) -> None:
    pauses = Pauses(ledger, clock, max_in_flight=5)
    pause = pauses.pause(of_actor(ACTOR.upper().replace("/", "~")), reason="costs", by="Ann")
    assert (pause.actor_id, pause.client_id) == (ACTOR, None)
    assert [one.scope for one in pauses.standing()] == [of_actor(ACTOR)]
    assert pauses.lift(of_actor(ACTOR), by="Ann")
    assert not pauses.lift(of_actor(ACTOR), by="Ann")
    with pytest.raises(Exception, match="No normaliser is known"):
        pauses.pause(of_actor("nobody/nothing"), by="Ann")
