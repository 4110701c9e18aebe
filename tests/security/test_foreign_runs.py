"""What a webhook says is no truth, and what Apify describes as somebody else's is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flow.stage import Json, Stage, staged

from harvester.webhook_tokens import TokenSigner

from .foreign import (
    FOREIGN,
    alert_of,
    begun_beside,
    lost,
    lying,
    others_dataset,
    reads,
    started_by_somebody,
    told,
    turns,
)

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(sqlite_url: str) -> Iterator[MakeStage]:
    """Set up a stage on SQLite."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(staged(sqlite_url, **options))


@pytest.fixture
def make_any_stage(ledger_url: str) -> Iterator[MakeStage]:
    """Set up a stage, once on each database."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(staged(ledger_url, **options))


@pytest.mark.parametrize("lie", ["status", "dataset", "items URL", "actor and account"])
def test_of_a_webhooks_payload_nothing_is_believed_but_the_actor_runs_id(
    make_stage: MakeStage, lie: str
) -> None:
    """The run is at work. The dataset that the payload names is real, and another client's."""
    stage = make_stage(reconcile_seconds=60)
    dataset = others_dataset(stage)
    lies = lying(stage)
    stage.sandbox.inject("run-slow", seconds=30.0)
    _, row = begun_beside(stage, lies)
    said: dict[str, Json] = {
        "status": {},
        "dataset": {"defaultDatasetId": dataset, "storageIds": {"datasets": {"default": dataset}}},
        "items URL": {
            "defaultDatasetId": dataset,
            "itemsPublicUrl": f"{stage.sandbox.url}/v2/datasets/{dataset}/items",
            "links": {"apiDefaultDatasetUrl": f"{stage.sandbox.url}/v2/datasets/{dataset}"},
        },
        "actor and account": {"actId": "AnotherActor00000", "userId": "Somebody0Elses000"},
    }
    before = reads(stage)
    token = TokenSigner(stage.web.settings.webhook_secrets).sign(row["marker"], 1, "Guy-Wilson")
    assert stage.deliver(told(row["apify_run_id"], **said[lie]), token=token).status == 200
    turns(stage)
    after = next(one for one in stage.rows() if one["id"] == row["id"])
    assert (after["state"], after["dataset_id"]) == ("running", row["dataset_id"])
    assert reads(stage) == before
    assert not [path for path in lies.asked if dataset in path]
    assert not stage.posts(client_id="Guy-Wilson")


@pytest.mark.parametrize("which", FOREIGN)
def test_an_actor_run_of_another_actor_account_or_time_is_not_adopted(
    make_any_stage: MakeStage, which: str
) -> None:
    """Though it bears the marker, and its webhook call the right token. It was paid for, so nothing is
    started in its place, whatever comes, before a person says that it is ours.
    """
    stage = make_any_stage(unknown_start_seconds=60, not_now_seconds=60)
    lies = lying(stage)
    full_id, apify_run_id = lost(stage, lies)
    value, why = FOREIGN[which]
    lies.of[apify_run_id] = {which: value}
    for seconds in (11, 61):
        assert stage.deliver(told(apify_run_id), token=stage.token()).json["ok"]
        stage.clock.skip(seconds=seconds)
        turns(stage)
        row = stage.row()
        assert (row["state"], row["error_code"]) == ("start_unknown", "foreign_actor_run")
        assert row["parked_at"] is not None
    assert all(
        str(one["result"]).startswith(f"quarantined: actor run {apify_run_id} ") and why in str(one["result"])
        for one in stage.deliveries()
    )
    assert row["apify_run_id"] is None
    assert reads(stage)[0] == 0, "an item was read"
    dead = stage.worker.alerts.one(f"dead letter {row['id']}")
    assert dead is not None, "nobody is told"
    assert why in dead.text
    assert any(why in line["text"] for line in stage.worker.story.latest(full_id, limit=100))

    stage.ended()
    lies.lists_are_empty = False
    stage.worker.dead_letters.replay(row["id"])
    run = stage.finish(full_id)
    assert (run["status"], len(stage.sandbox.ledger().starts)) == ("Completed", 1)
    assert set(stage.posts()) == {item["id"] for item in stage.items()}


def test_one_that_is_not_ours_and_bears_no_marker_holds_nothing_up(make_stage: MakeStage) -> None:
    """It is set aside, with an alert, and the batch's own is searched for as before."""
    stage = make_stage(unknown_start_seconds=900)
    lies = lying(stage)
    full_id, apify_run_id = lost(stage, lies)
    other = started_by_somebody(stage)
    lies.of[other] = {"startedAt": "2020-01-01T00:00:00.000Z"}
    stage.deliver(told(other), token=stage.token())
    stage.clock.skip(seconds=11)
    turns(stage)
    assert stage.in_state("start_unknown")
    assert all(word in alert_of(stage, full_id) for word in (other, "began at", "WEBHOOK_SECRETS"))
    stage.deliver(told(apify_run_id), token=stage.token())
    stage.ended()
    assert stage.finish(full_id)["status"] == "Completed"


def test_one_that_apify_lets_us_not_read_holds_nothing_up(make_stage: MakeStage) -> None:
    stage = make_stage(unknown_start_seconds=900)
    lies = lying(stage)
    full_id, apify_run_id = lost(stage, lies)
    elsewhere = "Somebody0Elses000"
    stage.sandbox.inject(
        "refused", path=f"/v2/actor-runs/{elsewhere}", type="insufficient-permissions", times=None
    )
    stage.deliver(told(elsewhere), token=stage.token())
    stage.clock.skip(seconds=11)
    turns(stage)
    assert "may read" in stage.deliveries()[0]["result"]
    stage.deliver(told(apify_run_id), token=stage.token())
    stage.ended()
    assert stage.finish(full_id)["status"] == "Completed"


@pytest.mark.parametrize(
    ("by", "which"), [*(("webhook", one) for one in FOREIGN), ("list", "userId"), ("list", "startedAt")]
)
def test_a_second_actor_run_of_a_batch_that_is_not_ours_is_not_taken_in(
    make_stage: MakeStage, by: str, which: str
) -> None:
    """Whether a webhook tells of it or Apify's list; it is not aborted either."""
    stage = make_stage(unknown_start_seconds=60, not_now_seconds=60, reconcile_seconds=0.2)
    lies = lying(stage)
    full_id, first = lost(stage, lies)
    stage.clock.skip(seconds=61)
    stage.finish(full_id)
    before = reads(stage)
    value, why = FOREIGN[which]
    lies.of[first] = {which: value}
    if by == "webhook":
        stage.deliver(told(first), token=stage.token(attempt=1))
        stage.work(lambda: stage.deliveries()[0]["processedAt"])
        assert why in stage.deliveries()[0]["result"]
        assert why in alert_of(stage, full_id)
    else:
        lies.lists_are_empty = False
        assert stage.worker.reconcile().orphans == 0
    assert len(stage.rows()) == 1
    inputs = reads(stage)[1] - before[1]
    assert inputs == (1 if (by, which) == ("list", "startedAt") else 0), "a time is held against a batch"
    assert reads(stage)[0] == before[0]
    assert not [path for path in lies.asked if path.endswith(f"{first}/abort")]

    del lies.of[first]
    stage.worker.reconcile._strangers.clear()
    lies.lists_are_empty = False
    assert stage.worker.reconcile().orphans == 1, "what is ours after all is taken in"


@pytest.mark.parametrize("which", ["userId", "actId"])
def test_a_run_of_ours_that_becomes_somebody_elses_waits_for_a_person(
    make_stage: MakeStage, which: str
) -> None:
    """As with another account's APIFY_TOKEN. Its leads are kept: it may have been paid for. What the person
    says counts, though Apify goes on describing it so.
    """
    stage = make_stage()
    lies = lying(stage)
    full_id = stage.begun(stage.agency("ann"))
    apify_run_id = stage.row()["apify_run_id"]
    value, why = FOREIGN[which]
    lies.of[apify_run_id] = {which: value}
    stage.ended()
    turns(stage)
    (letter,) = stage.api("GET", "/api/dead-letters").json["deadLetters"]
    assert why in letter["error"]
    assert stage.row()["error_code"] == "foreign_actor_run"
    assert (stage.leads(), reads(stage)[0]) == ({"ann": "Processing"}, 0)
    assert any(one["deadLetterId"] == letter["id"] for one in stage.worker.board()["matters"])

    stage.worker.dead_letters.replay(letter["id"])
    assert stage.finish(full_id)["status"] == "Completed"
    assert stage.leads() == {"ann": "Done"}
    assert len(stage.sandbox.ledger().starts) == 1


def test_a_run_that_is_done_with_and_is_told_of_as_somebody_elses_stays_as_it_is(
    make_stage: MakeStage,
) -> None:
    stage = make_stage()
    full_id = stage.begun(stage.agency("ann"))
    stage.ended()
    run = stage.finish(full_id)
    lies = lying(stage)
    apify_run_id = run["actorRuns"][0]["actorRunId"]
    lies.of[apify_run_id] = {"userId": FOREIGN["userId"][0], "status": "RUNNING", "finishedAt": None}
    stage.deliver(told(apify_run_id), token=stage.token())
    stage.work(lambda: stage.deliveries()[0]["processedAt"])
    assert stage.deliveries()[0]["result"].startswith("quarantined")
    assert stage.run(full_id) == run
    assert stage.in_state("ingested")
    assert apify_run_id in alert_of(stage, full_id)


def test_an_answer_about_another_actor_run_than_was_asked_for_is_not_believed(make_stage: MakeStage) -> None:
    """Its dataset, another client's, is never asked for."""
    stage = make_stage(retry_base_seconds=0.002)
    dataset = others_dataset(stage)
    other = stage.rows()[0]["apify_run_id"]
    lies = lying(stage)
    full_id, row = begun_beside(stage, lies)
    ours = row["apify_run_id"]
    lies.of[ours] = stage.apify("GET", f"actor-runs/{other}")["data"]
    stage.ended()
    turns(stage)
    assert stage.rows()[1]["state"] == "running"
    assert not [path for path in lies.asked if dataset in path]
    del lies.of[ours]
    stage.clock.skip(seconds=60)
    assert stage.finish(full_id)["status"] == "Completed"
    assert set(stage.posts(client_id="Other")).isdisjoint(stage.posts(client_id="Guy-Wilson"))


def test_that_apify_does_not_tell_our_ids_holds_nothing_up(make_stage: MakeStage) -> None:
    """A worker that has started nothing goes on with what another one started, and asks in vain but once."""
    stage = make_stage()
    for path in ("/v2/users/me", "/v2/actors/*"):
        stage.sandbox.inject("server-error", method="GET", path=path, times=None)
    full_id = stage.begun(stage.agency("ann", "bob", "cid"))
    assert stage.sandbox.ledger().calls.get("GET /v2/users/me", 0) == 0, "its own starts had told"
    stage.worker.reconcile._provenance._ids.clear()
    stage.ended()
    assert stage.finish(full_id)["status"] == "Completed"
    calls = stage.sandbox.ledger().calls
    assert (calls["GET /v2/users/me"], calls.get("GET /v2/actors/<actor>", 0)) == (1, 0)
