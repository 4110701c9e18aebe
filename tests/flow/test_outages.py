"""While Apify is down, one call at a time asks whether it still is; one bad object is no outage."""

from __future__ import annotations

from datetime import timedelta

from harvester.ledger import locks

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage


def outage(stage: Stage) -> locks.Lock | None:
    with stage.ledger.read() as tx:
        return locks.get(tx, "outage of Apify")


def calls(stage: Stage) -> int:
    return sum(stage.sandbox.ledger().calls.values())


def handles(count: int) -> list[str]:
    return [f"lead-{number}" for number in range(count)]


def test_an_outage_is_asked_after_by_one_row_at_a_time_and_all_go_on_at_its_end(
    make_any_stage: MakeStage,
) -> None:
    stage = make_any_stage(
        max_actor_runs=8, retry_base_seconds=1, lease_seconds=5, queued_seconds=600, daily_budget_usd=100
    )
    full_id = stage.begun(stage.agency(*handles(8), batch_size=1))
    stage.ended()
    before = calls(stage)
    stage.sandbox.inject("server-error", status=503, times=None)
    stage.turn()
    assert calls(stage) - before == 2, "two that fail in a row are an outage"
    begun = outage(stage)
    assert begun is not None
    assert "503" in begun.reason
    for doublings in range(4):
        stage.turn()
        assert calls(stage) - before == 2 + doublings, "nobody asks before its time"
        stage.clock.skip(seconds=1.3 * 2**doublings)
        stage.turn()
        assert calls(stage) - before == 3 + doublings, "and then one alone"
    stage.sandbox.faults = []
    stage.clock.skip(seconds=40)
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert run["metrics"]["actorRuns"] == 8
    assert outage(stage) is None


def test_all_processes_know_of_an_outage(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(retry_base_seconds=60)
    stage.begun(stage.agency(*handles(4), batch_size=1))
    stage.ended()
    stage.sandbox.inject("reset", times=None)
    stage.turn()
    assert outage(stage) is not None
    before = calls(stage)
    assert 'harvester_outage{service="apify"} 1.0' in stage.api("GET", "/metrics").body.decode()
    other = stage.web
    other.tick(other.advance)
    for row in stage.rows():
        other.advance(row["id"])
    assert calls(stage) == before


def test_one_dataset_that_cannot_be_read_is_no_outage_and_is_parked_in_the_end(
    make_stage: MakeStage,
) -> None:
    stage = make_stage(retry_base_seconds=0.01)
    stage.agency("ann", "bob", batch_size=1)
    stage.sandbox.inject("webhook-drop", times=None)
    full_id = stage.kickoff()
    stage.work(lambda: stage.in_state("running"))
    poison = stage.rows()[0]["dataset_id"]

    def broken(_method: str, path: str, reply: Reply) -> Reply:
        return Reply(500, {"Content-Type": "application/json"}, b"{}") if poison in path else reply

    stage.proxy.spoil = broken
    stage.ended()
    run = stage.finish(full_id, seconds=30)
    assert run["status"] == "Completed with Errors"
    (letter,) = stage.worker.overview.dead_letters(limit=9).rows
    assert letter["batch"] == 1
    assert sorted(map(str, stage.leads().values())) == ["Done", "Pending"]


def test_a_trial_that_dies_is_followed_by_another(make_stage: MakeStage) -> None:
    stage = make_stage(retry_base_seconds=1, lease_seconds=5, max_actor_runs=4)
    full_id = stage.begun(stage.agency(*handles(4), batch_size=1))
    stage.ended()
    stage.sandbox.inject("server-error", status=503, times=None)
    stage.turn()
    stage.sandbox.faults = []
    stage.clock.skip(seconds=2)
    now = stage.clock()
    with stage.ledger.write() as tx:
        assert outage(stage) is not None
        locks.extend(tx, "outage of Apify", until=now + timedelta(seconds=5), times=1, reason="one died")
    stage.turn()
    assert stage.in_state("running")
    stage.clock.skip(seconds=6)
    assert stage.finish(full_id)["status"] == "Completed"
