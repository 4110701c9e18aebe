"""Starts: refused, put off, lost, found again, and never paid for twice."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from harvester.apify import MARKER_KEY
from harvester.ledger import Tx, tables
from services import start
from services.account import most_in_flight

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage

pytestmark = pytest.mark.slow  # they wait for time-outs and back-off

START: dict[str, Any] = {"method": "POST", "path": "/v2/actors/*/runs"}
SEARCH: dict[str, Any] = {"method": "GET", "path": "/v2/actors/*/runs"}


def attempts(stage: Stage) -> list[str]:
    """Give the attempts that Apify saw, from the markers in INPUT."""
    return [start.input[MARKER_KEY].rpartition(".")[2] for start in stage.sandbox.ledger().starts]


def test_a_refusal_frees_the_leads_and_says_why(any_stage: Stage) -> None:
    stage = any_stage
    stage.sandbox.inject("refused", **START, times=None)
    run = stage.harvest("ann", "bob")
    assert run["status"] == "Failed"
    assert "Monthly usage hard limit exceeded" in run["systemNotes"]
    assert [error["code"] for error in run["errors"]] == ["platform-feature-disabled"]
    assert stage.leads() == {"ann": "Pending", "bob": "Pending"}
    assert stage.sandbox.ledger().calls["POST /v2/actors/<actor>/runs"] == 1
    assert run["metrics"]["profilesSubmitted"] == 0


def test_a_lost_start_is_found_by_its_marker(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(reconcile_seconds=0.2)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann", "bob"))
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert attempts(stage) == ["1"]
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd


def test_somebody_elses_run_is_not_adopted(make_stage: MakeStage) -> None:
    stage = make_stage(unknown_start_seconds=900)
    other = stage.harvest("ann")
    stage.clock.skip(seconds=1)
    stage.sandbox.inject("reset", **START)
    stage.kickoff(stage.agency("bob", client_id="Other"))
    for _ in range(5):
        stage.turn()
        stage.clock.skip(seconds=1)
    assert [row["state"] for row in stage.rows()] == ["ingested", "start_unknown"]
    assert stage.run(other["clientRunId"])["status"] == "Completed"


def test_what_never_started_is_started_again_after_a_clean_search(make_stage: MakeStage) -> None:
    stage = make_stage(unknown_start_seconds=900)
    stage.sandbox.inject("reset", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    for _ in range(10):
        stage.turn()
        stage.clock.skip(seconds=60)
    assert stage.in_state("start_unknown")
    assert attempts(stage) == []
    stage.clock.skip(seconds=900)
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert attempts(stage) == ["2"]


def test_nothing_is_started_while_apify_cannot_be_searched(make_stage: MakeStage) -> None:
    stage = make_stage(unknown_start_seconds=900, reconcile_seconds=0.2)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    stage.sandbox.inject("server-error", **SEARCH, times=8)
    full_id = stage.kickoff(stage.agency("ann"))
    for _ in range(8):
        stage.turn()
        stage.clock.skip(hours=1)
    assert attempts(stage) == ["1"]
    run = stage.finish(full_id)
    assert (run["status"], attempts(stage)) == ("Completed", ["1"])


@pytest.mark.parametrize("strange", [b"<html>", b'{"data": {"items": [{}]}}'])
def test_an_unreadable_search_is_no_clean_search(make_stage: MakeStage, strange: bytes) -> None:
    """Giving up would set the leads free, to be paid for again, while an actor run may be at work."""
    stage = make_stage(unknown_start_seconds=900, reconcile_seconds=0.2)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)

    def spoilt(method: str, path: str, reply: Reply) -> Reply:
        return replace(reply, body=strange) if method == "GET" and "/runs?" in path else reply

    stage.proxy.spoil = spoilt
    full_id = stage.kickoff(stage.agency("ann"))
    for _ in range(12):
        stage.turn()
        stage.clock.skip(hours=1)
    assert stage.in_state("start_unknown")
    assert stage.leads() == {"ann": "Processing"}
    stage.proxy.spoil = lambda _method, _path, reply: reply
    stage.clock.skip(hours=1)
    run = stage.finish(full_id)
    assert (run["status"], attempts(stage)) == ("Completed", ["1"])


@pytest.mark.parametrize("arrived", [True, False])
def test_a_process_that_died_in_mid_start_is_taken_over(make_stage: MakeStage, arrived: bool) -> None:
    stage = make_stage(unknown_start_seconds=30)
    stage.agency("ann")
    died: dict[str, Any]
    if arrived:
        full_id = stage.begun()
        died = {"apify_run_id": None, "dataset_id": None, "next_check_at": datetime.now(UTC)}
    else:
        full_id = stage.kickoff()
        died = {"attempt": 1, "fence": 1, "start_requested_at": datetime.now(UTC)}
    lapsed = datetime.now(UTC) - timedelta(seconds=1)
    with stage.ledger.write() as tx:
        tx.execute(
            update(tables.actor_runs).values(
                state="starting", lease_owner="a dead one", lease_until=lapsed, **died
            )
        )
    stage.turn()
    stage.ended()
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert attempts(stage) == (["1"] if arrived else ["2"])


def test_full_account_waits_and_counts_no_attempt(make_stage: MakeStage) -> None:
    stage = make_stage(not_now_seconds=0.02)
    stage.sandbox.inject("memory-limit", times=8)
    run = stage.harvest("ann")
    assert run["status"] == "Completed"
    assert attempts(stage) == ["1"]
    assert stage.row()["failures"] == 0


def test_no_more_actor_runs_than_allowed_are_at_work(make_stage: MakeStage) -> None:
    stage = make_stage(max_actor_runs=2, apify={"run_seconds": 0.3})
    stage.agency(*(f"lead-{number}" for number in range(3)), batch_size=1)
    full_id = stage.kickoff()
    most = 0

    def over() -> bool:
        nonlocal most
        states = stage.sandbox.ledger().runs_by_status
        most = max(most, states.get("RUNNING", 0) + states.get("READY", 0))
        return bool(stage.run(full_id)["finishedAt"])

    stage.work(over)
    assert stage.run(full_id)["status"] == "Completed"
    assert stage.run(full_id)["metrics"]["actorRuns"] == 3
    assert most == 2


def test_a_spent_budget_stops_starts(make_stage: MakeStage) -> None:
    stage = make_stage(max_actor_runs=1, daily_budget_usd="0.012")
    run = stage.harvest(*(f"lead-{number}" for number in range(4)), batch_size=1)
    assert run["status"] == "Completed with Errors"
    assert {error["code"] for error in run["errors"]} == {"budget_spent"}
    assert 1 <= len(attempts(stage)) < 4
    assert sorted(map(str, stage.leads().values())).count("Pending") == 4 - len(attempts(stage))
    again = stage.api("POST", "/api/apify/process-client", {"clientId": "Guy-Wilson"})
    assert (again.status, again.json["code"]) == (200, "budget_spent")


def unseen(_method: str, path: str, reply: Reply) -> Reply:
    """Keep Apify's lists empty: its machines need not all know of a run."""
    if "/runs?" not in path or reply.status != 200:
        return reply
    listed = json.loads(reply.body)
    listed["data"]["items"] = []
    return replace(reply, body=json.dumps(listed).encode())


@pytest.mark.parametrize(
    ("second", "state"), [({"kind": "memory-limit"}, "planned"), ({"kind": "refused", **START}, "failed")]
)
def test_a_run_given_up_for_lost_is_adopted_when_its_webhook_comes(
    make_stage: MakeStage, second: dict[str, Any], state: str
) -> None:
    stage = make_stage(unknown_start_seconds=60, not_now_seconds=60)
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    assert stage.in_state("start_unknown")
    stage.sandbox.inject(**second, times=None)
    stage.clock.skip(seconds=61)
    stage.turn()
    assert stage.in_state(state)
    (begun,) = stage.sandbox.ledger().starts
    stage.ended()
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": begun.run_id}}
    assert stage.deliver(told, token=stage.token(attempt=1)).json["outcome"] == "accepted"
    stage.work(lambda: stage.in_state("ingested"))
    assert attempts(stage) == ["1"]
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    run = stage.run(full_id)
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd
    assert stage.leads() == {"ann": "Done"}
    assert all(delivery["processedAt"] for delivery in stage.deliveries())


def test_apify_out_of_reach_is_waited_for(make_stage: MakeStage) -> None:
    """A connection that was never made started nothing, so nothing needs to be searched for."""
    stage = make_stage(not_now_seconds=0.05)
    port = int(stage.proxy.url.rpartition(":")[2])
    stage.proxy.close()
    full_id = stage.kickoff(stage.agency("ann"))
    for _ in range(8):
        stage.turn()
        time.sleep(0.06)
    assert stage.in_state("planned")
    assert stage.row()["failures"] == 0
    stage.proxy.reopen(port)
    run = stage.finish(full_id)
    assert (run["status"], attempts(stage)) == ("Completed", ["1"])


def test_the_run_of_a_lost_start_is_ingested_even_after_another_took_its_place(make_stage: MakeStage) -> None:
    stage = make_stage(unknown_start_seconds=60, not_now_seconds=60, reconcile_seconds=0.2)
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    stage.clock.skip(seconds=61)
    stage.finish(full_id)
    first, second = stage.sandbox.ledger().starts
    assert stage.run(full_id)["metrics"]["actorRuns"] == 1
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": first.run_id}}
    token = stage.token(attempt=1)
    for dispatch in ("late-1", "late-2"):
        answer = stage.deliver(told, token=token, X_Apify_Webhook_Dispatch_Id=dispatch)
        assert answer.json["outcome"] == "accepted"
        stage.work(lambda: {row["state"] for row in stage.rows()} == {"ingested"} and len(stage.rows()) == 2)
    stage.work(lambda: all(delivery["processedAt"] for delivery in stage.deliveries()))
    assert [row["apify_run_id"] for row in stage.rows()] == [second.run_id, first.run_id]
    run = stage.run(full_id)
    assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", 2)
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd
    assert stage.leads() == {"ann": "Done"}


def test_a_lost_start_that_cannot_be_searched_for_blocks_nobody_for_ever(make_stage: MakeStage) -> None:
    def no_list(method: str, path: str, reply: Reply) -> Reply:
        gone = b'{"error":{"type":"record-not-found","message":"no such actor"}}'
        listing = method == "GET" and path.partition("?")[0].endswith("/runs")
        return replace(reply, status=404, body=gone) if listing else reply

    stage = make_stage(unknown_start_seconds=60, client_run_timeout_seconds=7200, reconcile_seconds=0.2)
    stage.proxy.spoil = no_list
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    stage.clock.skip(seconds=7000)
    stage.turn()
    assert stage.in_state("start_unknown")
    stage.clock.skip(seconds=300)
    run = stage.finish(full_id)
    assert (run["status"], run["errors"][0]["code"]) == ("Failed", "start_unknown")
    assert stage.leads() == {"ann": "Pending"}


def test_rows_without_a_free_place_do_not_keep_those_at_work_waiting(make_any_stage: MakeStage) -> None:
    """However short the wait for a place: each looks once a tick, and none is asked for again at once."""
    stage = make_any_stage(max_actor_runs=2, look_again_seconds=0.001, reconcile_seconds=0.001)
    stage.agency(*(f"lead-{number}" for number in range(8)), batch_size=1)
    stage.sandbox.inject("run-slow", seconds=3600)
    full_id = stage.kickoff()
    stage.work(lambda: [row["state"] for row in stage.rows()].count("running") == 2)
    waiting = [row["id"] for row in stage.rows() if row["state"] == "planned"]
    before = {row["id"]: row["fence"] for row in stage.rows()}
    for row_id in waiting:
        stage.worker.advance(row_id)
    after = {row["id"]: row["fence"] for row in stage.rows()}
    assert [after[row_id] - before[row_id] for row_id in waiting] == [1] * len(waiting)
    named: list[int] = []
    stage.worker.tick(named.append)
    assert not set(named) & set(waiting)
    assert stage.run(full_id)["status"] == "Running"


@pytest.mark.parametrize("answer", ["html", "cut off", "gone"])
def test_an_input_that_cannot_be_read_makes_no_clean_search(make_any_stage: MakeStage, answer: str) -> None:
    """Apify lists the actor run, and what it was started with cannot be told: it may well be ours."""

    def hidden(_method: str, path: str, reply: Reply) -> Reply:
        if "/records/INPUT" not in path:
            return reply
        if answer == "gone":
            gone = b'{"error":{"type":"record-not-found","message":"no"}}'
            return replace(reply, status=404, body=gone)
        return replace(reply, body=b"<html>" if answer == "html" else reply.body[:-2])

    stage = make_any_stage(unknown_start_seconds=60, not_now_seconds=5, retry_base_seconds=0.002)
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    stage.proxy.spoil = hidden
    full_id = stage.kickoff(stage.agency("ann"))
    for _ in range(6):
        stage.turn()
        stage.clock.skip(seconds=61)
    assert stage.in_state("start_unknown")
    assert len(stage.sandbox.ledger().starts) == 1
    stage.proxy.spoil = lambda _method, _path, reply: reply
    stage.clock.skip(seconds=61)
    run = stage.finish(full_id)
    assert (run["status"], attempts(stage)) == ("Completed", ["1"])


def test_an_input_that_stays_unreadable_is_somebody_elses(make_stage: MakeStage) -> None:
    """People start actor runs without any INPUT; one must not hold up a search for ever."""
    stage = make_stage(unknown_start_seconds=60, not_now_seconds=5, input_lag_seconds=0.05)
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()

    def foreign(method: str, path: str, reply: Reply) -> Reply:
        return replace(reply, status=404, body=b"{}") if "/records/INPUT" in path else reply

    stage.proxy.spoil = foreign
    stage.clock.skip(seconds=61)
    stage.work(lambda: len(stage.sandbox.ledger().starts) == 2)
    assert stage.run(full_id)["status"] == "Running"


@pytest.mark.parametrize("kind", ["memory-limit", "rate-limit"])
def test_a_full_account_is_asked_by_one_row_at_a_time(make_any_stage: MakeStage, kind: Any) -> None:
    stage = make_any_stage(max_actor_runs=20, not_now_seconds=600, apify={"run_seconds": 0.01})
    stage.sandbox.inject(kind, method="POST", times=None)
    full_id = stage.kickoff(stage.agency(*(f"lead-{number}" for number in range(8)), batch_size=1))

    def asked() -> int:
        return sum(count for call, count in stage.sandbox.ledger().calls.items() if call.startswith("POST"))

    for _ in range(5):
        stage.turn()
    first = asked()
    assert 1 <= first <= 2
    for rounds in range(1, 4):
        stage.clock.skip(seconds=601)
        for _ in range(5):
            stage.turn()
        assert asked() == first + rounds
    stage.sandbox.faults = []
    stage.clock.skip(seconds=601)
    run = stage.finish(full_id)
    assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", 8)


def test_a_webhook_in_the_last_moment_keeps_a_lost_start_from_being_repeated(
    make_any_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes while the row waits for its turn to start again."""
    stage = make_any_stage(unknown_start_seconds=60, not_now_seconds=60)
    stage.proxy.spoil = unseen
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("answer-lost", **START)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.turn()
    (begun,) = stage.sandbox.ledger().starts
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": begun.run_id}}
    token = stage.token(attempt=1)

    def told_meanwhile(tx: Tx, most: int) -> int:
        monkeypatch.setattr(start, "most_in_flight", most_in_flight)
        stage.deliver(told, token=token)
        return most_in_flight(tx, most)

    monkeypatch.setattr(start, "most_in_flight", told_meanwhile)
    stage.clock.skip(seconds=61)
    stage.ended()
    run = stage.finish(full_id)
    assert (run["status"], attempts(stage)) == ("Completed", ["1"])


@pytest.mark.parametrize("change", [{"status": "Paused"}, {"service_level": 1}])
def test_a_client_that_was_switched_off_is_paid_for_no_more(
    make_any_stage: MakeStage, change: dict[str, Any]
) -> None:
    stage = make_any_stage(max_actor_runs=1)
    full_id = stage.kickoff(stage.agency("ann", "bob", "cyd", batch_size=1))
    stage.work(lambda: stage.sandbox.ledger().starts)
    with stage.ledger.write() as tx:
        tx.execute(update(tables.clients).values(**change))
    run = stage.finish(full_id)
    assert len(attempts(stage)) == 1
    assert run["status"] == "Completed with Errors"
    assert sorted(map(str, stage.leads().values())) == ["Done", "Pending", "Pending"]
