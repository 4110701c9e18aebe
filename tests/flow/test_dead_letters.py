"""What fails again and again is parked: visible, replayable, discardable, and in nobody's way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from factories import make_client, make_leads
from sqlalchemy import update

from harvester.ledger import actor_runs, tables
from harvester.models import ActorRunState
from services.advance import MAX_FAILURES

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage


def cut_off(_method: str, path: str, reply: Reply) -> Reply:
    return replace(reply, body=reply.body[:-1]) if "/items" in path else reply


def broken_run(_method: str, path: str, reply: Reply) -> Reply:
    """Answer with a time that no calendar has, for which the gateway has no error of its own."""
    if "/actor-runs/" not in path:
        return reply
    answer = json.loads(reply.body)
    answer["data"]["startedAt"] = "0001-01-01T00:00:00+23:00"
    return replace(reply, body=json.dumps(answer).encode())


def as_it_is(_method: str, _path: str, reply: Reply) -> Reply:
    return reply


def poisoned(make_stage: MakeStage) -> tuple[Stage, str]:
    stage = make_stage(retry_base_seconds=0.002)
    stage.proxy.spoil = cut_off
    return stage, stage.harvest("ann", "bob-no-posts")["clientRunId"]


def test_a_poison_dataset_is_parked_and_replayed_from_its_start(make_any_stage: MakeStage) -> None:
    stage, full_id = poisoned(make_any_stage)
    (letter,) = stage.api("GET", "/api/dead-letters").json["deadLetters"]
    assert (letter["clientRunId"], letter["state"], letter["replayable"]) == (full_id, "failed", True)
    assert "cut off" in letter["error"]
    assert stage.leads() == {"ann": "Pending", "bob-no-posts": "Pending"}

    stage.proxy.spoil = as_it_is
    answer = stage.api("POST", f"/api/dead-letters/{letter['id']}/replay")
    assert (answer.status, answer.json["deadLetter"]["parkedAt"]) == (200, None)
    stage.work(lambda: stage.in_state("ingested"))
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.leads() == {"ann": "Done", "bob-no-posts": "No Posts"}
    run = stage.run(full_id)
    assert (run["status"], run["errors"]) == ("Failed", []), "a record that has ended stays ended"
    assert run["metrics"]["postsHarvested"] == len(stage.posts())
    assert stage.api("GET", "/api/dead-letters").json["deadLetters"] == []
    assert (
        stage.api("POST", f"/api/dead-letters/{letter['id']}/replay").json["code"] == "dead_letter_not_found"
    )


def test_a_replay_that_fails_again_is_parked_again(make_stage: MakeStage) -> None:
    stage, _ = poisoned(make_stage)
    (before,) = stage.worker.overview.dead_letters(limit=9).rows
    stage.worker.dead_letters.replay(before["id"])
    stage.work(lambda: stage.worker.overview.dead_letters(limit=9).rows)
    (after,) = stage.worker.overview.dead_letters(limit=9).rows
    assert after["parkedAt"] > before["parkedAt"]
    assert after | {"parkedAt": None} == before | {"parkedAt": None}


def test_a_discarded_one_is_gone_and_the_record_keeps_its_error(make_any_stage: MakeStage) -> None:
    stage, full_id = poisoned(make_any_stage)
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    assert stage.api("POST", f"/api/dead-letters/{letter['id']}/discard").status == 200
    assert stage.worker.overview.dead_letters(limit=9).rows == []
    (error,) = stage.run(full_id)["errors"]
    assert error["code"] == "discarded"
    assert "cut off" in error["message"]
    again = stage.api("POST", f"/api/dead-letters/{letter['id']}/discard")
    assert (again.status, again.json["code"]) == (404, "dead_letter_not_found")


def test_one_that_may_be_at_work_keeps_its_leads_until_it_is_discarded(make_stage: MakeStage) -> None:
    """Freed, they would be paid for a second time while their actor run goes on."""
    stage = make_stage(retry_base_seconds=0.002, max_actor_runs=1)
    full_id = stage.begun(stage.agency("ann"))
    stage.proxy.spoil = broken_run
    stage.ended()
    stage.work(lambda: stage.row()["parked_at"])
    assert stage.run(full_id)["status"] == "Running"
    assert stage.leads() == {"ann": "Processing"}

    make_client(stage.ledger, "Other", daily_target=2)
    make_leads(stage.ledger, "Other", 1)
    stage.proxy.spoil = as_it_is
    stage.kickoff("Other")
    stage.work(lambda: len(stage.sandbox.ledger().starts) == 2)

    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    stage.worker.dead_letters.discard(letter["id"])
    assert stage.finish(full_id)["status"] == "Failed"
    assert stage.leads() == {"ann": "Pending"}


def test_a_webhook_takes_a_parked_one_up_again(make_stage: MakeStage) -> None:
    stage = make_stage(retry_base_seconds=0.002)
    full_id = stage.begun(stage.agency("ann"))
    stage.proxy.spoil = broken_run
    stage.ended()
    stage.work(lambda: stage.row()["parked_at"])
    stage.proxy.spoil = as_it_is
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": stage.row()["apify_run_id"]}}
    stage.deliver(told, token=stage.token())
    assert stage.finish(full_id)["status"] == "Completed"
    assert stage.row()["parked_at"] is None


@pytest.mark.parametrize("readable", [True, False])
def test_a_late_webhook_reads_a_poison_dataset_once_more(make_any_stage: MakeStage, readable: bool) -> None:
    stage, _ = poisoned(make_any_stage)
    (before,) = stage.worker.overview.dead_letters(limit=9).rows
    if readable:
        stage.proxy.spoil = as_it_is
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": before["actorRunId"]}}
    stage.deliver(told, token=stage.token(), X_Apify_Webhook_Dispatch_Id="late")
    stage.work(lambda: stage.row()["next_check_at"] is None)
    assert all(delivery["processedAt"] for delivery in stage.deliveries())
    letters = stage.worker.overview.dead_letters(limit=9).rows
    if readable:
        assert letters == []
        assert set(stage.posts()) == {item["id"] for item in stage.items()}
    else:
        assert letters[0]["parkedAt"] > before["parkedAt"]


def test_a_dead_letter_that_is_looked_at_during_an_outage_stays_one(make_stage: MakeStage) -> None:
    stage, _ = poisoned(make_stage)
    (before,) = stage.worker.overview.dead_letters(limit=9).rows
    stage.proxy.spoil = as_it_is
    stage.sandbox.inject("server-error", status=503, times=None)
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": before["actorRunId"]}}
    stage.deliver(told, token=stage.token(), X_Apify_Webhook_Dispatch_Id="late")
    stage.work(lambda: stage.row()["put_offs"] > 1)
    assert stage.worker.overview.dead_letters(limit=9).rows == [before]
    stage.sandbox.faults = []
    stage.work(lambda: stage.in_state("ingested"))
    assert set(stage.posts()) == {item["id"] for item in stage.items()}


def test_a_poison_dataset_that_is_gone_stays_a_dead_letter(make_stage: MakeStage) -> None:
    stage, _ = poisoned(make_stage)
    (before,) = stage.worker.overview.dead_letters(limit=9).rows
    stage.proxy.spoil = lambda _method, path, reply: (
        replace(reply, status=404, body=b'{"error":{"type":"record-not-found","message":"gone"}}')
        if "actor-runs" in path
        else reply
    )
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": before["actorRunId"]}}
    stage.deliver(told, token=stage.token(), X_Apify_Webhook_Dispatch_Id="late")
    stage.work(lambda: stage.row()["next_check_at"] is None)
    assert stage.worker.overview.dead_letters(limit=9).rows == [before]


def test_what_was_never_started_has_nothing_to_replay(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.kickoff(stage.agency("ann"))
    with stage.ledger.write() as tx:
        values = {"state": "failed", "parked_at": datetime.now(UTC), "next_check_at": None}
        tx.execute(update(tables.actor_runs).values(**values))
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    assert not letter["replayable"]
    refused = stage.api("POST", f"/api/dead-letters/{letter['id']}/replay")
    assert (refused.status, refused.json["code"]) == (409, "nothing_to_replay")
    assert len(stage.worker.overview.dead_letters(limit=9).rows) == 1


@pytest.mark.parametrize("state", [ActorRunState.INGESTING, ActorRunState.RUNNING])
def test_a_row_over_which_workers_die_is_parked(make_any_stage: MakeStage, state: ActorRunState) -> None:
    """A dataset that takes all memory kills its worker before anything can be counted, so deaths count."""
    stage = make_any_stage(cost_settle_seconds=600)
    full_id = stage.begun(stage.agency("ann"))
    stage.ended()
    if state is ActorRunState.INGESTING:
        stage.work(lambda: stage.in_state(state))
    for number in range(MAX_FAILURES):
        now = stage.clock()
        until = now + timedelta(seconds=1)
        with stage.ledger.write() as tx:
            actor_runs.wake(tx, stage.row()["id"], now=now)
            held = actor_runs.claim(tx, stage.row()["id"], owner=f"doomed {number}", now=now, until=until)
        assert held is not None
        stage.clock.skip(seconds=2)
    stage.turn()
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    assert "died" in letter["error"]
    over = state is ActorRunState.INGESTING
    assert (letter["state"], stage.run(full_id)["status"]) == (
        ("failed", "Completed with Errors") if over else ("running", "Running")
    )


def test_a_discarded_one_is_not_taken_up_by_reconcile_but_its_webhook_is_heeded(
    make_any_stage: MakeStage,
) -> None:
    stage = make_any_stage(retry_base_seconds=0.002)
    full_id = stage.begun(stage.agency("ann"))
    stage.proxy.spoil = broken_run
    stage.ended()
    stage.work(lambda: stage.row()["parked_at"])
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    stage.worker.dead_letters.discard(letter["id"])
    stage.proxy.spoil = as_it_is
    assert stage.worker.reconcile().resurrected == 0
    stage.turn()
    assert stage.in_state("failed")
    assert stage.run(full_id)["errors"][0]["code"] == "discarded"
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": letter["actorRunId"]}}
    stage.deliver(told, token=stage.token())
    stage.work(lambda: stage.in_state("ingested"))
    assert set(stage.posts()) == {item["id"] for item in stage.items()}


def test_a_client_whose_old_actor_run_waits_for_a_person_is_harvested_again(
    make_any_stage: MakeStage,
) -> None:
    """What that one may still bring counts for its own day, not for ever."""
    stage = make_any_stage(retry_base_seconds=0.002, client_run_timeout_seconds=86_400)
    full_id = stage.begun(stage.agency("ann", "bob", daily_target=2, batch_size=1))
    stage.proxy.spoil = broken_run
    stage.ended()
    stage.work(lambda: stage.row()["parked_at"])
    stage.clock.skip(hours=25)
    assert stage.finish(full_id)["status"] == "Failed"
    stage.proxy.spoil = as_it_is
    again = stage.api("POST", "/api/apify/process-client", {"clientId": "Guy-Wilson"})
    assert again.status == 202, again.body
    stage.work(lambda: len(stage.sandbox.ledger().starts) == 2)
    stage.ended()
    stage.finish(again.json["clientRunId"])
    assert sorted(map(str, stage.leads().values())) == ["Done", "Processing"]
