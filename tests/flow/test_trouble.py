"""Poison, outages, slowness: what costs an attempt, what does not, and who else suffers."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from factories import make_client
from sqlalchemy import update

from harvester.errors import LedgerUnavailable
from harvester.ledger import alerts, tables

from .conftest import MakeStage
from .proxy import Reply
from .stage import FINAL, impatient

pytestmark = pytest.mark.slow  # they wait for time-outs and back-off


def as_it_is(_method: str, _path: str, reply: Reply) -> Reply:
    return reply


def hotel(_method: str, _path: str, reply: Reply) -> Reply:
    """Answer as a hotel's network does before one has logged in."""
    return replace(reply, status=200, headers={"Content-Type": "text/html"}, body=b"<html>Welcome!</html>")


def test_a_poison_page_is_given_up_and_others_go_on(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(retry_base_seconds=0.002)
    stage.agency("ann", "bob", client_id="Poisoned")
    stage.agency("cho", client_id="Healthy")
    poisoned = stage.begun("Poisoned")
    poison = stage.row()["dataset_id"]
    tries = 0

    def spoilt(_method: str, path: str, reply: Reply) -> Reply:
        nonlocal tries
        if poison not in path:
            return reply
        tries += 1
        return replace(reply, body=reply.body[:-1])

    stage.proxy.spoil = spoilt
    healthy = stage.begun("Healthy")
    stage.ended()
    bad, good = stage.finish(poisoned), stage.finish(healthy)
    assert good["status"] == "Completed"
    assert bad["status"] == "Failed"
    assert [error["code"] for error in bad["errors"]] == ["apify_bad_answer"]
    assert set(stage.leads("Poisoned").values()) == {"Pending"}
    assert tries == 5


def test_what_was_read_before_the_poison_stays(make_stage: MakeStage) -> None:
    """A second page that cannot be read costs the rest of the dataset, not the first page."""
    stage = make_stage(retry_base_seconds=0.002, apify_max_charge_usd=10)

    def spoilt(_method: str, path: str, reply: Reply) -> Reply:
        first = "offset=0&" in path or "/items" not in path
        return reply if first else replace(reply, body=b"[{")

    stage.proxy.spoil = spoilt
    run = stage.harvest("ann-bulk-1500", "bob-no-posts")
    assert run["status"] == "Completed with Errors"
    assert run["metrics"]["postsHarvested"] == 1_000
    assert stage.leads() == {"ann-bulk-1500": "Done", "bob-no-posts": "Pending"}


@pytest.mark.parametrize("state", ["running", "ingesting"])
def test_an_outage_of_apify_costs_no_attempt(make_stage: MakeStage, state: str) -> None:
    stage = make_stage(retry_base_seconds=0.002, cost_settle_seconds=600)
    full_id = stage.begun(stage.agency("ann", "bob"))
    stage.ended()
    if state == "ingesting":
        stage.work(lambda: stage.in_state(state))
        stage.clock.skip(seconds=601)
    stage.sandbox.inject("server-error", status=503, times=None)
    before = sum(stage.sandbox.ledger().calls.values())
    stage.work(lambda: sum(stage.sandbox.ledger().calls.values()) > before + 6)
    assert stage.in_state(state)
    assert stage.row()["failures"] == 0
    assert stage.row()["error"], "a person can see what is waited for"
    stage.sandbox.faults = []
    if state == "running":
        stage.work(lambda: stage.in_state("ingesting"))
        stage.clock.skip(seconds=601)
    run = stage.finish(full_id)
    assert (run["status"], run["errors"]) == ("Completed", [])
    assert stage.row()["error"] is None


def test_nonsense_about_a_running_actor_run_gives_nothing_up(make_stage: MakeStage) -> None:
    stage = make_stage(retry_base_seconds=0.002)
    full_id = stage.begun(stage.agency("ann"))
    stage.ended()
    stage.proxy.spoil = hotel
    stage.work(lambda: stage.row()["put_offs"] > 6)
    assert stage.in_state("running")
    stage.proxy.spoil = as_it_is
    assert stage.finish(full_id)["status"] == "Completed"


@pytest.mark.parametrize("trouble", ["server-error", "hotel"])
def test_a_late_webhook_during_trouble_leaves_what_was_found(make_stage: MakeStage, trouble: str) -> None:
    stage = make_stage(apify_webhook_token="a-static-token-made-by-hand", retry_base_seconds=0.002)
    stage.sandbox.inject("run-fail")
    before = stage.harvest("ann-prolific", "bob-no-posts")
    leads = stage.leads()
    if trouble == "hotel":
        stage.proxy.spoil = hotel
    else:
        stage.sandbox.inject("server-error", times=None)
    told = {"eventType": "ACTOR.RUN.FAILED", "runId": before["actorRuns"][0]["actorRunId"]}
    stage.deliver(told, token="a-static-token-made-by-hand")
    stage.work(lambda: stage.row()["put_offs"] > 5)
    stage.proxy.spoil, stage.sandbox.faults = as_it_is, []
    stage.work(lambda: stage.row()["next_check_at"] is None)
    assert stage.run(before["clientRunId"]) == before
    assert stage.leads() == leads
    assert all(delivery["processedAt"] for delivery in stage.deliveries())


def test_a_second_look_that_breaks_leaves_what_was_found(make_stage: MakeStage) -> None:
    """Breaks of our own, that is: after five of them a row is given up, but not one that is done with."""
    stage = make_stage(apify_webhook_token="a-static-token-made-by-hand", retry_base_seconds=0.002)
    before = stage.harvest("ann", "bob-no-posts")
    token = "a-static-token-made-by-hand"
    run_id = before["actorRuns"][0]["actorRunId"]

    def odd(_method: str, path: str, reply: Reply) -> Reply:
        year = reply.body.replace(b'"finishedAt":"2', b'"finishedAt":"0001-01-01T00:00:00+23:00","x":"2')
        return replace(reply, body=year) if "actor-runs" in path else reply

    stage.proxy.spoil = odd
    stage.deliver({"eventType": "ACTOR.RUN.SUCCEEDED", "runId": run_id}, token=token)
    stage.work(lambda: stage.row()["next_check_at"] is None)
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    assert (letter["state"], letter["actorRunId"]) == ("ingested", run_id)
    after = stage.run(before["clientRunId"])
    assert after["actorRuns"][0].pop("parkedAt") == letter["parkedAt"]
    assert before["actorRuns"][0].pop("parkedAt") is None
    assert after == before
    assert stage.leads() == {"ann": "Done", "bob-no-posts": "No Posts"}
    assert stage.deliveries()[-1]["result"].startswith("given up: OverflowError")


def test_a_run_given_up_before_its_end_is_ingested_when_its_webhook_comes(make_stage: MakeStage) -> None:
    stage = make_stage()
    full_id = stage.begun(stage.agency("ann"))
    with stage.ledger.write() as tx:
        given_up = {"state": "failed", "next_check_at": None, "error_code": "internal_error", "error": "?"}
        tx.execute(update(tables.actor_runs).values(**given_up))
    stage.turn()
    assert stage.run(full_id)["status"] == "Failed"
    stage.ended()
    told = {"eventType": "ACTOR.RUN.SUCCEEDED", "eventData": {"actorRunId": stage.row()["apify_run_id"]}}
    stage.deliver(told, token=stage.token())
    stage.work(lambda: stage.in_state("ingested"))
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.leads() == {"ann": "Done"}


def test_slow_answers_do_not_chase_each_other(make_stage: MakeStage) -> None:
    """Three answers of ingest take longer than a lease; each is within it. Another thread stands ready."""
    stage = make_stage(lease_seconds=0.6, apify_timeout_seconds=0.5, queued_seconds=0.1)
    full_id = stage.begun(stage.agency("ann"))
    stage.ended()

    def slow(_method: str, _path: str, reply: Reply) -> Reply:
        time.sleep(0.25)
        return reply

    stage.proxy.spoil = slow
    stop = threading.Event()

    def second() -> None:
        while not stop.wait(0.02):
            stage.turn()

    other = threading.Thread(target=second)
    other.start()
    try:
        run = stage.finish(full_id)
    finally:
        stop.set()
        other.join()
    assert run["status"] == "Completed"


def test_one_broken_client_does_not_hold_up_the_others(make_stage: MakeStage) -> None:
    """A time zone that does not exist cannot get in through the commands, but a ledger may hold anything."""
    stage = make_stage()
    stage.agency("ann", client_id="Broken")
    stage.agency("bob", client_id="Whole")
    make_client(stage.ledger, "Idle", daily_target=4)
    broken = stage.begun("Broken")
    with stage.ledger.write() as tx:
        for_broken = tables.clients.c.client_id == "Broken"
        tx.execute(update(tables.clients).where(for_broken).values(timezone="Mars/Olympus_Mons"))
    idle = stage.kickoff("Idle")
    whole = stage.begun("Whole")
    stage.ended()
    stage.work(lambda: all(stage.run(one)["status"] in FINAL for one in (idle, whole)))
    assert stage.run(idle)["status"] == stage.run(whole)["status"] == "Completed"
    stage.work(lambda: stage.in_state("ingested"))
    assert stage.run(broken)["status"] == "Running", "it waits for a person"


def test_a_ledger_out_of_reach_stops_nothing_for_good(make_stage: MakeStage, sqlite_url: str) -> None:
    """Whoever holds the lock for longer than anybody waits; then the same rows go on."""
    import sqlite3

    stage = make_stage(lease_seconds=0.4, apify_timeout_seconds=0.3, queued_seconds=0.1)
    full_id = stage.kickoff(stage.agency("ann"))
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("PRAGMA busy_timeout=1000")
        other.execute("BEGIN IMMEDIATE")
        impatient(stage.ledger)
        for _ in range(3):
            with pytest.raises(Exception, match="not available"):
                stage.worker.tick(stage.worker.advance)
            stage.worker.advance(1)
        other.execute("ROLLBACK")
    finally:
        other.close()
    assert stage.finish(full_id)["status"] == "Completed"


@pytest.mark.parametrize(
    ("handles", "told", "status"),
    [
        (["ann", "bob"], False, "Completed"),
        (["ann", "kim-nonsense"], True, "Completed"),  # one profile's own, as long as the other is understood
        (["ann", "kim-nonsense", "lee-nonsense"], True, "Completed with Errors"),
    ],
)
def test_a_dataset_that_is_mostly_not_understood_is_told_to_a_person(
    make_stage: MakeStage, handles: list[str], told: bool, status: str, lines: pytest.LogCaptureFixture
) -> None:
    stage = make_stage()
    assert stage.harvest(*handles)["status"] == status
    assert ("the Actor may have changed its output" in lines.text) == told
    with stage.ledger.read() as tx:
        raised = [one for one in alerts.latest(tx, limit=20) if one.key.startswith("output of ")]
    assert bool(raised) == told


def test_one_404_for_a_dataset_that_is_there_loses_nothing(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(retry_base_seconds=0.002)
    left = 3

    def unheard_of(_method: str, path: str, reply: Reply) -> Reply:
        nonlocal left
        if "/items" not in path or left == 0:
            return reply
        left -= 1
        return replace(reply, status=404, body=b'{"error":{"type":"record-not-found","message":"?"}}')

    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.begun(stage.agency("ann"))
    stage.ended()
    stage.proxy.spoil = unheard_of
    assert stage.finish(full_id)["status"] == "Completed"
    assert set(stage.posts()) == {item["id"] for item in stage.items()}


def test_a_ledger_that_takes_no_pages_for_long_parks_nothing(
    make_any_stage: MakeStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk takes small writes for long after it has no room for pages of posts."""
    stage = make_any_stage(retry_base_seconds=0.002)
    full_id = stage.begun(stage.agency("ann"))

    def full(*_args: object, **_named: object) -> None:
        raise LedgerUnavailable("the ledger is not available: database or disk is full")

    monkeypatch.setattr("services.ingest.posts.store", full)
    stage.ended()
    for _ in range(12):
        stage.turn()
        stage.clock.skip(seconds=26)
    assert stage.row()["parked_at"] is None
    assert stage.leads() == {"ann": "Processing"}
    monkeypatch.undo()
    assert stage.finish(full_id)["status"] == "Completed"
