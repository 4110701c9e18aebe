"""Cancelling a client run, wherever it stands: what was found is kept, and nothing more is paid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from factories import make_run
from flow.conftest import MakeStage
from flow.proxy import Reply
from flow.stage import Stage
from simultaneous import at_once

from harvester.ledger import activity, client_runs
from services.run_ends import RunIsOver, UnknownRun

pytestmark = pytest.mark.slow

ABORT = "POST /v2/actor-runs/<run>/abort"
STARTS = {"method": "POST", "path": "/v2/actors/*/runs"}
PEOPLE = ("ann-prolific", "bob-prolific", "cho-no-posts")
Json = dict[str, Any]


def cancel(stage: Stage, full_id: str) -> Json:
    """Cancel over HTTP."""
    answer = stage.api("POST", f"/api/runs/{full_id}/cancel")
    assert answer.status == 202, answer
    return dict(answer.json)


def assert_kept(stage: Stage, run: Json) -> None:
    """What came is stored and paid for once; who was not answered is due again."""
    assert run["status"] == "Cancelled"
    items = stage.items()
    assert set(stage.posts()) == {item["id"] for item in items}
    assert run["metrics"]["postsHarvested"] == len({item["id"] for item in items})
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd
    found = {item["query"]["targetUrl"].rpartition("/")[2] for item in items}
    answered = all(one["status"] == "SUCCEEDED" for one in run["actorRuns"])
    without = "No Posts" if answered else "Pending"
    assert stage.leads() == {one: "Done" if one in found else without for one in stage.leads()}
    job = stage.worker.overview.job(run["runId"])
    assert job is not None
    assert job["status"] == "Cancelled"
    assert sum(run["coverage"][name] for name in PARTS) == run["coverage"]["submitted"]


PARTS = ("posts", "none", "errors", "silent", "notAnswered")


def planned(stage: Stage) -> str:
    return stage.kickoff(stage.agency(*PEOPLE))


def no_places(stage: Stage) -> str:
    stage.sandbox.inject("refused", **STARTS, status=402, type="actor-memory-limit-exceeded", times=None)
    full_id = stage.kickoff(stage.agency(*PEOPLE))
    stage.turn()
    assert stage.in_state("planned")
    return full_id


def paused(stage: Stage) -> str:
    stage.web.pauses.pause(by="operator")
    full_id = stage.kickoff(stage.agency(*PEOPLE))
    stage.turn()
    assert stage.in_state("planned")
    return full_id


def running(stage: Stage) -> str:
    stage.sandbox.inject("run-slow", seconds=1.0)
    stage.agency(*PEOPLE)
    return stage.begun()


def lost(stage: Stage) -> str:
    stage.sandbox.inject("answer-lost", **STARTS)
    stage.sandbox.inject("run-slow", seconds=1.0)
    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.kickoff(stage.agency(*PEOPLE))
    stage.worker.tick(lambda row_id: stage.worker.advance(row_id) if stage.in_state("planned") else None)
    return full_id


def ingesting(stage: Stage) -> str:
    full_id = stage.kickoff(stage.agency(*PEOPLE))
    stage.work(lambda: stage.in_state("ingesting"))
    stage.clock.skip(seconds=601)  # until when its cost was not final
    return full_id


BEGINNINGS: tuple[tuple[Callable[[Stage], str], int], ...] = (
    (planned, 0),
    (no_places, 0),
    (paused, 0),
    (running, 1),
    (lost, 1),
    (ingesting, 0),
)


@pytest.mark.parametrize(("begin", "aborts"), BEGINNINGS, ids=lambda one: getattr(one, "__name__", None))
def test_what_was_found_until_then_is_kept(
    make_any_stage: MakeStage, begin: Callable[[Stage], str], aborts: int
) -> None:
    waits = {"look_again_seconds": 0.02, "not_now_seconds": 0.02, "retry_base_seconds": 0.01}
    stage = make_any_stage(**waits, cost_settle_seconds=600 if begin is ingesting else 0.05)
    full_id = begin(stage)
    starts = len(stage.sandbox.ledger().starts)
    assert cancel(stage, full_id)["clientRunId"] == full_id
    run = stage.finish(full_id)
    assert_kept(stage, run)
    assert "cancelled by api" in run["systemNotes"]
    ledger = stage.sandbox.ledger()
    assert len(ledger.starts) == starts
    assert ledger.calls.get(ABORT, 0) == aborts
    again = stage.api("POST", f"/api/runs/{full_id}/cancel")
    assert (again.status, again.json["code"]) == (409, "run_is_over")


def test_a_start_on_the_wire_is_aborted_once_it_is_answered(make_stage: MakeStage) -> None:
    stage = make_stage(look_again_seconds=0.02)
    stage.sandbox.inject("run-slow", seconds=1.0)
    stage.sandbox.inject("slow", **STARTS, seconds=0.3)
    full_id = stage.kickoff(stage.agency(*PEOPLE))
    worker = threading.Thread(target=stage.turn)
    worker.start()
    stage_waits = threading.Event()
    for _ in range(200):
        if stage.in_state("starting"):
            break
        stage_waits.wait(0.01)
    assert cancel(stage, full_id)["status"] == "Running"
    worker.join(timeout=10)
    assert_kept(stage, stage.finish(full_id))
    assert stage.sandbox.ledger().calls[ABORT] == 1


def test_a_client_run_of_many_batches_ends_with_what_one_found(make_stage: MakeStage) -> None:
    """One place: a batch is done, one is at work, one was never started."""
    stage = make_stage(max_actor_runs=1, apify_max_posts=3, look_again_seconds=0.02)
    stage.sandbox.inject("run-slow", seconds=2.0, skip=1)
    full_id = stage.kickoff(stage.agency("ann", "bob", "cho", batch_size=1))
    stage.work(lambda: [row["state"] for row in stage.rows()] == ["ingested", "running", "planned"])
    asked: list[str] = []

    def listened(_method: str, path: str, reply: Reply) -> Reply:
        asked.append(path)
        return reply

    stage.proxy.spoil = listened
    cancel(stage, full_id)
    run = stage.finish(full_id)
    assert_kept(stage, run)
    (abort,) = [path for path in asked if "/abort" in path]
    assert abort.lower().endswith(("?gracefully=true", "?gracefully=1"))
    assert [error["code"] for error in run["errors"]] == ["actor_run_aborted", "client_run_cancelled"]
    assert run["metrics"]["actorRuns"] == 2


def test_while_apify_is_down_it_ends_as_soon_as_it_can(make_stage: MakeStage) -> None:
    stage = make_stage(look_again_seconds=0.02, retry_base_seconds=0.02)
    full_id = running(stage)
    stage.sandbox.inject("refused", path="/v2/*", status=503, type="internal-server-error", times=None)
    assert cancel(stage, full_id)["status"] == "Running"
    for _ in range(20):
        stage.turn()
    assert stage.run(full_id)["status"] == "Running"
    stage.sandbox.faults = [fault for fault in stage.sandbox.faults if fault.kind != "refused"]
    stage.clock.skip(minutes=10)
    assert_kept(stage, stage.finish(full_id))


def test_a_record_made_by_hand_ends_at_once(stage: Stage) -> None:
    stage.agency()
    make_run(stage.ledger, [], source="manual")
    cancelled = stage.api("POST", "/api/runs/261122-050000-Guy-Wilson/cancel")
    assert (cancelled.status, cancelled.json["status"]) == (202, "Cancelled")


def test_whoever_cancels_at_once_gets_one_answer(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    full_id = running(stage)
    found = at_once([lambda: stage.web.cancel(full_id, by="api") for _ in range(6)])
    assert {run.status for run in found} == {"Running"}
    run = stage.finish(full_id)
    assert run["systemNotes"].count("cancelled by api") == 1
    with stage.ledger.read() as tx:
        told = [line["operation"] for line in activity.of_client_run(tx, full_id, limit=99)]
    assert told.count("cancel") == 1
    with pytest.raises(RunIsOver):
        stage.web.cancel(full_id, by="api")
    with pytest.raises(UnknownRun):
        stage.web.cancel("261122-000000-Nobody", by="api")


def test_what_a_process_that_died_had_asked_for_is_done_by_the_ticks(stage: Stage) -> None:
    """It had written down that the client run is to end, and nothing else."""
    full_id = planned(stage)
    with stage.ledger.write() as tx:
        assert client_runs.ask_to_cancel(tx, full_id, now=stage.clock(), system_notes="")
    stage.turn()
    assert stage.run(full_id)["status"] == "Cancelled"
    assert not stage.sandbox.ledger().starts
