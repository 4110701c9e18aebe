"""Webhooks that come early, late, twice, never, or after the record is gone."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import delete, update

from harvester.ledger import Tx, actor_runs, tables
from harvester.models import ActorRun
from services.terms import WEBHOOK_PATH

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage, staged

MISSING = "This indicates a process kickoff issue - run record should exist"


def test_a_lost_webhook_is_found_by_asking(make_stage: MakeStage) -> None:
    stage = make_stage(reconcile_seconds=0.2)
    stage.sandbox.inject("webhook-drop", times=None)
    run = stage.harvest("ann", "bob")
    assert run["status"] == "Completed"
    assert run["metrics"]["postsHarvested"] == len(stage.items())
    assert stage.deliveries() == []
    assert run["lastWebhookAt"] is None, "none came"


def test_the_record_knows_its_last_webhook(stage: Stage) -> None:
    run = stage.harvest("ann")
    (delivery,) = stage.deliveries()
    moments = [datetime.fromisoformat(at) for at in (run["lastWebhookAt"], delivery["receivedAt"])]
    assert abs(moments[0] - moments[1]).total_seconds() < 2


def test_a_webhook_comes_before_the_starts_answer(make_stage: MakeStage) -> None:
    stage = make_stage(apify={"run_seconds": 0.1})

    def late(method: str, _path: str, reply: Reply) -> Reply:
        deadline = time.monotonic() + 5
        while method == "POST" and not stage.deliveries() and time.monotonic() < deadline:
            time.sleep(0.01)
        return reply

    stage.proxy.spoil = late
    run = stage.harvest("ann", "bob")
    assert run["status"] == "Completed"
    assert [delivery["outcome"] for delivery in stage.deliveries()] == ["accepted"]
    assert stage.deliveries()[0]["processedAt"]
    assert len(stage.sandbox.ledger().starts) == 1


def test_a_webhook_tells_of_a_start_whose_answer_was_lost(make_stage: MakeStage) -> None:
    """Even while Apify's lists do not show the run."""
    stage = make_stage()
    stage.sandbox.inject("server-error", method="GET", path="/v2/actors/*/runs", times=None)
    stage.sandbox.inject("answer-lost", method="POST", path="/v2/actors/*/runs")
    run = stage.harvest("ann")
    assert run["status"] == "Completed"
    assert run["actorRuns"][0]["attempt"] == 1
    assert len(stage.sandbox.ledger().starts) == 1


def test_a_doubled_webhook_is_kept_once(stage: Stage) -> None:
    stage.sandbox.inject("webhook-double", times=None)
    run = stage.harvest("ann")
    stage.work(lambda: len(stage.sandbox.ledger().webhook_calls) == 2)
    assert [one.status for one in stage.sandbox.ledger().webhook_calls] == [200, 200]
    assert len(stage.deliveries()) == 1
    assert run["status"] == "Completed"


def test_a_late_webhook_changes_nothing(stage: Stage) -> None:
    full_id = stage.begun(stage.agency("ann", "bob-no-posts"))
    stage.ended()
    run = stage.finish(full_id)
    before = stage.posts()
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": stage.row()["apify_run_id"]}}
    assert stage.deliver(told, token=stage.token()).json["outcome"] == "accepted"
    stage.work(lambda: stage.deliveries()[0]["processedAt"])
    assert stage.deliveries()[0]["result"] == "nothing new"
    assert stage.run(full_id) == run
    assert stage.posts() == before
    assert stage.row()["next_check_at"] is None


def test_a_webhook_that_lies_is_not_believed(make_stage: MakeStage) -> None:
    stage = make_stage(reconcile_seconds=60)
    stage.sandbox.inject("run-slow", seconds=30.0)
    full_id = stage.begun(stage.agency("ann"))
    row = stage.row()
    token = stage.token()
    lie = {
        "eventType": "ACTOR.RUN.SUCCEEDED",
        "eventData": {"actorRunId": row["apify_run_id"]},
        "resource": {
            "id": row["apify_run_id"],
            "status": "SUCCEEDED",
            "defaultDatasetId": "SomebodyElses1234",
        },
    }
    assert stage.deliver(lie, token=token).json == {"ok": True, "outcome": "accepted"}
    for _ in range(10):
        stage.turn()
    assert stage.run(full_id)["status"] == "Running"
    assert stage.row()["dataset_id"] == row["dataset_id"]
    assert "GET /v2/datasets/<dataset>/items" not in stage.sandbox.ledger().calls


def test_a_deleted_record_is_told_and_not_made_anew(
    any_stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage = any_stage
    stage.sandbox.inject("run-slow", seconds=3)
    full_id = stage.kickoff(stage.agency("ann", "bob"))
    stage.work(lambda: stage.in_state("running"))
    with stage.ledger.write() as tx:
        tx.execute(delete(tables.client_runs))
    caplog.clear()
    stage.work(lambda: stage.in_state("ingested"))
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.worker.overview.runs(limit=10).rows == []
    assert [one.status for one in stage.sandbox.ledger().webhook_calls] == [200]
    assert [delivery["outcome"] for delivery in stage.deliveries()] == ["accepted"]
    assert set(stage.leads().values()) == {"Done"}
    expected = [f"ERROR: Client run record not found for {full_id} (Guy-Wilson)", MISSING]
    told = [
        (record.threadName == threading.main_thread().name, record.getMessage())
        for record in caplog.records
        if record.levelname == "ERROR"
    ]
    of_web = [line for by_worker, line in told if not by_worker]
    of_worker = [line for by_worker, line in told if by_worker]
    assert of_web == expected
    assert of_worker[:2] == expected
    assert set(of_worker) == set(expected)


def test_a_webhook_by_hand_wakes_the_run_too(make_stage: MakeStage) -> None:
    stage = make_stage(apify_webhook_token="a-static-token-made-by-hand")
    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.work(lambda: stage.in_state("running"))
    run_id = stage.row()["apify_run_id"]
    time.sleep(0.4)
    stage.turn()
    assert stage.in_state("running"), "nobody has told yet"
    answer = stage.deliver(
        {"eventType": "ACTOR.RUN.SUCCEEDED", "runId": run_id}, token="a-static-token-made-by-hand"
    )
    assert answer.json["outcome"] == "accepted"
    assert stage.finish(full_id)["status"] == "Completed"


def test_a_run_that_a_person_resurrects_is_followed_to_its_second_end(make_stage: MakeStage) -> None:
    stage = make_stage(apify_webhook_token="a-static-token-made-by-hand", reconcile_seconds=0.3)
    first = stage.harvest("ann-prolific")
    run_id = first["actorRuns"][0]["actorRunId"]
    stage.sandbox.inject("run-slow", seconds=0.3)
    stage.apify("POST", f"actor-runs/{run_id}/resurrect")
    stage.deliver(
        {"eventType": "ACTOR.RUN.RESURRECTED", "eventData": {"actorRunId": run_id}},
        token="a-static-token-made-by-hand",
    )
    stage.work(lambda: stage.row()["resurrections"] == 1 and stage.in_state("ingested"))
    after = stage.run(first["clientRunId"])
    assert after["actorRuns"][0]["status"] == "SUCCEEDED"
    assert after["metrics"]["postsHarvested"] == first["metrics"]["postsHarvested"]
    assert (after["status"], after["finishedAt"]) == (first["status"], first["finishedAt"])


def test_the_answer_comes_after_the_store(make_stage: MakeStage) -> None:
    """What Apify is told was accepted is there however the process ends: another process reads it at once."""
    stage = make_stage()
    stage.sandbox.inject("run-slow", seconds=30.0)
    stage.kickoff(stage.agency("ann"))
    stage.work(lambda: stage.in_state("running"))
    body = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": stage.row()["apify_run_id"]}}
    for number in range(20):
        answer = stage.deliver(body, token=stage.token(), X_Apify_Webhook_Dispatch_Id=f"dispatch{number:09}")
        assert answer.json["outcome"] == "accepted"
        assert len(stage.deliveries()) == number + 1


def test_a_start_that_was_answered_with_an_error_after_its_effect_is_adopted(stage: Stage) -> None:
    def broken(method: str, _path: str, reply: Reply) -> Reply:
        return replace(reply, status=502, body=b"<html>Bad Gateway</html>") if method == "POST" else reply

    stage.proxy.spoil = broken
    run = stage.harvest("ann")
    assert run["status"] == "Completed"
    assert len(stage.sandbox.ledger().starts) == 1


@pytest.mark.parametrize(("length", "status"), [(256 * 1024, 200), (256 * 1024 + 1, 413)])
def test_a_body_without_a_length_is_bounded_too(stage: Stage, length: int, status: int) -> None:
    stage.begun(stage.agency("ann"))
    body = b'{"eventType": "TEST", "x": "'
    body += b"x" * (length - len(body) - 2) + b'"}'
    pieces = (body[start : start + 10_000] for start in range(0, len(body), 10_000))
    connection = http.client.HTTPConnection(stage.url.removeprefix("http://"), timeout=10)
    try:
        headers = {"Authorization": f"Bearer {stage.token()}", "Transfer-Encoding": "chunked"}
        connection.request("POST", WEBHOOK_PATH, pieces, headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["ok"]) == (status, status == 200)
    finally:
        connection.close()
    assert len(stage.deliveries()) == (1 if status == 200 else 0)


def test_a_webhook_that_races_the_answer_of_its_start_is_believed(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the start's answer may be written between two looks of the same transaction."""
    with staged(postgres_url) as stage:
        stage.begun(stage.agency("ann"))
        row = stage.row()
        with stage.ledger.write() as tx:
            tx.execute(update(tables.actor_runs).values(apify_run_id=None))
        by_marker = actor_runs.by_marker

        def adopted_meanwhile(tx: Tx, marker: str) -> ActorRun | None:
            with stage.ledger.write() as other:
                other.execute(update(tables.actor_runs).values(apify_run_id=row["apify_run_id"]))
            return by_marker(tx, marker)

        monkeypatch.setattr(actor_runs, "by_marker", adopted_meanwhile)
        told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": row["apify_run_id"]}}
        answer = stage.deliver(told, token=stage.token())
        assert (answer.status, answer.json["outcome"]) == (200, "accepted")
