"""Reconcile: what webhooks would have told, had they come, is found by asking."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from factories import make_leads
from sqlalchemy import select, update

from harvester.ledger import tables

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage
from .test_starts import START, unseen


def as_it_is(_method: str, _path: str, reply: Reply) -> Reply:
    return reply


def started_twice(stage: Stage) -> str:
    """Have a start lost for so long that its batch is started again. Gives the client run ID."""
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann", "bob-no-posts"))
    stage.turn()
    stage.clock.skip(seconds=901)
    stage.work(lambda: stage.in_state("running"))
    assert len(stage.sandbox.ledger().starts) == 2
    stage.proxy.spoil = as_it_is
    return full_id


def test_without_any_webhook_a_call_to_reconcile_finishes_everything(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    full_id = stage.begun(stage.agency("ann", "bob", batch_size=1))
    while set(stage.sandbox.ledger().runs_by_status) != {"SUCCEEDED"}:
        pass
    stage.turn()
    assert stage.in_state("running"), "nobody has asked yet"
    answer = stage.api("POST", "/api/reconcile")
    assert (answer.status, answer.json) == (202, {"ok": True, "actorRuns": 2})
    assert "reconcile" in stage.worker.chores.due()
    assert stage.finish(full_id)["status"] == "Completed"


def test_a_resurrection_that_no_webhook_told_of_is_found_in_the_list(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(cost_settle_seconds=0.01)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("run-fail")
    full_id = stage.kickoff(stage.agency("ann-prolific", "bob"))
    stage.work(lambda: stage.in_state("running"))
    stage.ended()
    before = stage.finish(full_id)
    assert before["actorRuns"][0]["status"] == "FAILED"
    stage.apify("POST", f"actor-runs/{before['actorRuns'][0]['actorRunId']}/resurrect")
    stage.ended()

    found = stage.worker.reconcile()
    assert (found.resurrected, found.orphans, found.adopted) == (1, 0, 0)
    stage.work(lambda: stage.in_state("ingested") and stage.row()["resurrections"] == 1)
    assert stage.row()["apify_status"] == "SUCCEEDED"
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.worker.reconcile().resurrected == 0


def test_an_orphan_in_the_list_is_aborted_and_ingested(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(
        unknown_start_seconds=900, not_now_seconds=60, apify={"run_seconds": 30}, cost_settle_seconds=0.01
    )
    full_id = started_twice(stage)
    first, second = stage.sandbox.ledger().starts
    found = stage.worker.reconcile()
    assert (found.orphans, found.adopted) == (1, 0)
    rows = {row["apify_run_id"]: row for row in stage.rows()}
    assert set(rows) == {first.run_id, second.run_id}

    stage.work(lambda: stage.apify("GET", f"actor-runs/{first.run_id}")["data"]["status"] == "ABORTED")
    assert stage.apify("GET", f"actor-runs/{second.run_id}")["data"]["status"] == "RUNNING"
    stage.clock.skip(seconds=3)
    stage.work(lambda: {row["state"] for row in stage.rows()} == {"running", "ingested"})
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.run(full_id)["status"] == "Running"
    assert stage.leads()["bob-no-posts"] == "Processing", "its batch's own actor run answers for it"
    assert stage.worker.reconcile().orphans == 0


def test_a_lost_start_is_adopted_from_the_list_while_its_batch_waits_for_another(
    make_any_stage: MakeStage,
) -> None:
    stage = make_any_stage(unknown_start_seconds=900, not_now_seconds=60)
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    stage.sandbox.inject("memory-limit", times=None)
    stage.clock.skip(seconds=901)
    stage.work(lambda: stage.in_state("planned"))
    stage.proxy.spoil = as_it_is
    found = stage.worker.reconcile()
    assert (found.adopted, found.orphans) == (1, 0)
    stage.ended()
    run = stage.finish(full_id)
    assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", 1)
    assert len(stage.sandbox.ledger().starts) == 1


def test_runs_of_others_are_left_alone(make_stage: MakeStage) -> None:
    """Of runs that people start in Apify Console, the INPUT is read once at the most."""
    stage = make_stage(unknown_start_seconds=900, not_now_seconds=60, cost_settle_seconds=0.01)
    started_twice(stage)
    actor = stage.worker.settings.apify_actor_id.replace("/", "~")
    theirs = stage.apify("POST", f"actors/{actor}/runs")["data"]
    stage.worker.reconcile()
    asked: list[str] = []

    def listen(_method: str, path: str, reply: Reply) -> Reply:
        asked.append(path)
        return reply

    stage.proxy.spoil = listen
    stage.worker.reconcile()
    assert [path for path in asked if "INPUT" in path] == []
    assert len(asked) == 1
    assert theirs["id"] not in {row["apify_run_id"] for row in stage.rows()}


def test_an_idle_service_asks_apify_nothing(make_stage: MakeStage) -> None:
    stage = make_stage(client_run_timeout_seconds=3600)
    stage.harvest("ann")
    stage.clock.skip(seconds=3601)
    before = sum(stage.sandbox.ledger().calls.values())
    assert stage.worker.reconcile().actor_runs_compared == 0
    assert sum(stage.sandbox.ledger().calls.values()) == before


def test_leads_left_processing_are_due_again(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(stale_lead_seconds=60)
    full_id = stage.begun(stage.agency("held"))
    left = make_leads(stage.ledger, "Guy-Wilson", 3)
    now = stage.clock()
    times = [now - timedelta(seconds=61), None, now - timedelta(seconds=59)]
    with stage.ledger.write() as tx:
        for lead, when in zip(left, times, strict=True):
            statement = update(tables.leads).where(tables.leads.c.id == lead.id)
            tx.execute(statement.values(status="Processing", last_check_at=when))
    stage.clock.skip(seconds=0.5)
    assert stage.worker.reconcile().leads_healed == 2
    with stage.ledger.read() as tx:
        found = dict(tx.execute(select(tables.leads.c.id, tables.leads.c.status)).all())
    assert [found[lead.id] for lead in left] == ["Pending", "Pending", "Processing"]
    stage.clock.skip(seconds=120)
    assert stage.worker.reconcile().leads_healed == 1
    assert stage.leads()["held"] == "Processing", f"an open actor run of {full_id} has it"


def test_a_client_run_that_is_open_for_too_long_fails_and_its_client_goes_on(
    make_any_stage: MakeStage,
) -> None:
    stage = make_any_stage(client_run_timeout_seconds=7200, max_actor_runs=1, apify={"run_seconds": 0.01})
    stage.agency("ann", "bob", batch_size=1)
    stage.proxy.spoil = stuck
    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.kickoff()
    stage.work(lambda: {row["state"] for row in stage.rows()} == {"planned", "running"})
    stage.clock.skip(seconds=7201)
    run = stage.finish(full_id)
    assert run["status"] == "Failed"
    assert "open for more than 2 h: batch 1 is running" in run["systemNotes"]
    assert [error["code"] for error in run["errors"]] == ["client_run_timed_out"]
    assert stage.leads() == {"ann": "Pending", "bob": "Processing"} or stage.leads() == {
        "ann": "Processing",
        "bob": "Pending",
    }
    job = stage.worker.overview.job(run["runId"])
    assert job is not None
    assert job["status"] == "Failed"

    stage.proxy.spoil = as_it_is
    stage.clock.skip(seconds=61)
    stage.work(lambda: sorted(row["state"] for row in stage.rows()) == ["failed", "ingested"])
    late = stage.run(full_id)
    assert (late["status"], late["finishedAt"]) == ("Failed", run["finishedAt"])
    assert late["metrics"]["postsHarvested"] == len(stage.posts()) > 0
    assert stage.api("POST", "/api/apify/process-client", {"clientId": "Guy-Wilson"}).status == 202


def stuck(_method: str, path: str, reply: Reply) -> Reply:
    """Let every actor run look as if it were at work for ever."""
    if "/actor-runs/" not in path or reply.status != 200:
        return reply
    answer: dict[str, Any] = json.loads(reply.body)
    answer["data"] |= {"status": "RUNNING", "finishedAt": None}
    return replace(reply, body=json.dumps(answer).encode())
