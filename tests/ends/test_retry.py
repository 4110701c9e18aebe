"""Trying a client run again after its end: one record, nothing paid for twice, and the last end counts."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from factories import make_run
from flow.conftest import MakeStage
from flow.stage import Answer, Stage
from simultaneous import at_once
from sqlalchemy import select

from harvester.ledger import client_runs, clients, tables
from services import run_records

pytestmark = pytest.mark.slow

IN = "https://www.linkedin.com/in/"
Json = dict[str, Any]


def retry(stage: Stage, full_id: str) -> Answer:
    """Try again over HTTP, a moment later."""
    stage.clock.skip(seconds=1)
    return stage.api("POST", f"/api/runs/{full_id}/retry")


def retried(stage: Stage, full_id: str) -> Json:
    """Try again, and work until it is over once more."""
    answer = retry(stage, full_id)
    assert (answer.status, answer.json.get("clientRunId")) == (202, full_id), answer
    assert stage.run(full_id)["status"] == "Running"
    assert stage.run(full_id)["finishedAt"] is None
    return stage.finish(full_id)


def assert_sums(stage: Stage, run: Json) -> None:
    """One record, whose figures are sums over the distinct actor runs of both goes."""
    assert len(stage.worker.overview.runs(limit=10).rows) == 1
    ledger, items = stage.sandbox.ledger(), stage.items()
    posts = {item["id"] for item in items if item.get("type") == "post"}
    assert set(stage.posts()) == posts
    told = run["metrics"]
    assert (told["postsHarvested"], told["postsNew"]) == (len(posts), len(posts))
    assert told["apifyCostUsd"] == pytest.approx(ledger.charged_usd)
    assert told["actorRuns"] == len(ledger.starts)
    assert told["profilesSubmitted"] == sum(ledger.starts_by_target().values())
    job = stage.worker.overview.job(run["runId"])
    assert job is not None
    assert (job["status"], job["finishedAt"]) == (run["status"], run["finishedAt"])


def test_after_a_failed_batch_it_goes_on_with_those_without_an_answer(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(max_actor_runs=1)
    stage.agency("ann", "bob-no-posts", "cho", "dan-no-posts", batch_size=2)
    stage.sandbox.inject("run-fail", match="cho", times=1)
    first = stage.finish(stage.kickoff())
    assert first["status"] == "Completed with Errors"
    answered = {one for one, status in stage.leads().items() if status in ("Done", "No Posts")}
    assert len(answered) < 4
    before = stage.sandbox.ledger().starts_by_target()

    second = retried(stage, first["clientRunId"])
    assert second["status"] == "Completed"
    assert set(stage.leads().values()) == {"Done", "No Posts"}
    sent = Counter(stage.sandbox.ledger().starts_by_target())
    again = {url.removeprefix(IN) for url, times in sent.items() if times > before.get(url, 0)}
    assert again.isdisjoint(answered)
    assert_sums(stage, second)
    assert second["startedAt"] == first["startedAt"]
    assert "tried again by api, after it had ended Completed with Errors" in second["systemNotes"]
    assert (
        second["coverage"] | {"none": 2, "notAnswered": 0, "posts": 2, "submitted": 4} == second["coverage"]
    )


def test_after_a_cancel_it_goes_on(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    full_id = stage.kickoff(stage.agency("ann", "bob-no-posts"))
    assert stage.api("POST", f"/api/runs/{full_id}/cancel").json["status"] == "Cancelled"
    run = retried(stage, full_id)
    assert run["status"] == "Completed"
    assert stage.leads() == {"ann": "Done", "bob-no-posts": "No Posts"}
    assert_sums(stage, run)


def test_chosen_profiles_are_tried_again_with_what_was_asked(make_stage: MakeStage) -> None:
    stage = make_stage()
    stage.agency()
    stage.sandbox.inject("run-fail", times=1)
    asked = {
        "clientId": "Guy-Wilson",
        "targetUrls": [f"{IN}ann-prolific", f"{IN}bob-no-posts"],
        "maxPosts": 7,
    }
    first = stage.finish(stage.api("POST", "/api/apify/run", asked).json["clientRunId"])
    assert first["status"] in ("Failed", "Completed with Errors")
    left = {f"{IN}{one}" for one, status in stage.leads().items() if status == "Pending"}
    run = retried(stage, first["clientRunId"])
    assert run["status"] == "Completed"
    again = stage.sandbox.ledger().starts[1].input
    assert (set(again["targetUrls"]), again["maxPosts"]) == (left, 7)
    assert_sums(stage, run)


def test_it_may_fail_again_and_be_tried_again(stage: Stage) -> None:
    stage.agency("ann-no-posts")
    stage.sandbox.inject("run-fail", times=2)
    run = stage.finish(stage.kickoff())
    assert run["status"] == "Failed"
    assert retried(stage, run["clientRunId"])["status"] == "Failed"
    run = retried(stage, run["clientRunId"])
    assert (run["status"], stage.leads()) == ("Completed", {"ann-no-posts": "No Posts"})
    assert run["metrics"]["actorRuns"] == 3
    answer = retry(stage, run["clientRunId"])
    assert (answer.status, answer.json["code"]) == (409, "nothing_to_retry")


def test_its_time_is_counted_from_the_retry(make_stage: MakeStage) -> None:
    stage = make_stage()
    full_id = stage.kickoff(stage.agency("ann"))
    stage.api("POST", f"/api/runs/{full_id}/cancel")
    stage.clock.skip(days=3)
    assert retried(stage, full_id)["status"] == "Completed"


def test_it_goes_on_with_the_actor_that_the_client_has_by_then(make_stage: MakeStage) -> None:
    stage, other = make_stage(), "apimaestro/linkedin-profile-posts"
    full_id = stage.kickoff(stage.agency("ann", "bob", "cho", batch_size=2))
    stage.api("POST", f"/api/runs/{full_id}/cancel")
    stage.finish(full_id)
    with stage.ledger.write() as tx:
        clients.change(tx, "Guy-Wilson", actor_id=other)
    run = retried(stage, full_id)
    assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", 3)
    rows = [(row["actor_id"], row["lot"], row["profiles"]) for row in stage.rows() if row["apify_run_id"]]
    assert rows == [(other, 3, 1), (other, 3, 1), (other, None, 1)]
    assert [start.actor for start in stage.sandbox.ledger().starts] == [other] * 3


def test_the_guardrail_is_for_batches_that_were_sent(stage: Stage) -> None:
    full_id = stage.kickoff(stage.agency("ann", "bob", max_batches=1))
    stage.api("POST", f"/api/runs/{full_id}/cancel")
    assert retried(stage, full_id)["status"] == "Completed"
    stage.clock.skip(seconds=1)
    assert "batches of the day are used up" in stage.finish(stage.kickoff())["systemNotes"]


def test_an_alert_stands_while_the_days_batches_are_used_up_and_not_for_those_that_were_never_sent(
    stage: Stage,
) -> None:
    stage.agency("ann", "bob", max_batches=1)
    stage.sandbox.inject("run-fail", times=1)
    assert stage.finish(stage.kickoff())["status"] == "Completed with Errors"
    for client_id, stands in (("Guy-Wilson", True), ("Other", False)):
        if not stands:
            stage.agency("eve", client_id=client_id, max_batches=1)
            stage.api("POST", f"/api/runs/{stage.kickoff(client_id)}/cancel")
        stage.clock.skip(seconds=1)
        run = stage.finish(stage.kickoff(client_id))
        assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", int(not stands))
    assert [one["key"] for one in stage.api("GET", "/api/alerts").json["alerts"]] == [
        "client Guy-Wilson failed"
    ]


def test_what_it_may_not_do(stage: Stage) -> None:
    stage.agency("ann", "bob")
    stage.sandbox.inject("run-fail", times=1)
    full_id = stage.finish(stage.kickoff())["clientRunId"]
    assert retry(stage, "261122-000000-Nobody").json["code"] == "run_not_found"
    assert retry(stage, "no-run-id").status == 404
    with stage.ledger.write() as tx:
        found = clients.get(tx, "Guy-Wilson")
        assert found is not None
        clients.change(tx, "Guy-Wilson", status="Paused")
    skipped = retry(stage, full_id)
    assert (skipped.status, skipped.json["code"]) == (200, "client_inactive")
    with stage.ledger.write() as tx:
        clients.change(tx, "Guy-Wilson", status="Active")
    live = stage.kickoff()
    busy = retry(stage, full_id)
    assert (busy.status, busy.json["code"], busy.json["clientRunId"]) == (409, "run_in_progress", live)
    assert stage.finish(live)["status"] == "Completed"
    assert retry(stage, full_id).json["code"] == "nothing_to_retry"  # a later one has answered for its leads
    make_run(stage.ledger, [], source="manual")
    stage.api("POST", "/api/runs/261122-050000-Guy-Wilson/cancel")
    assert retry(stage, "261122-050000-Guy-Wilson").json["code"] == "nothing_to_retry"


def test_of_many_that_try_again_at_once_one_does(make_any_stage: MakeStage) -> None:
    stage = make_any_stage()
    stage.agency("ann", "bob-error")  # who has no answer, however much the other one brings
    stage.sandbox.inject("run-fail", times=1)
    full_id = stage.finish(stage.kickoff())["clientRunId"]
    stage.clock.skip(seconds=1)
    answers = at_once([lambda: stage.web.retry(full_id, by="api") for _ in range(6)])
    assert sorted(answer.outcome for answer in answers) == ["accepted"] + ["run_in_progress"] * 5
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert run["systemNotes"].count("tried again") == 1
    assert_sums(stage, run)


def test_a_record_made_by_hand_and_a_retry_at_once_make_one_live_client_run(
    make_any_stage: MakeStage,
) -> None:
    stage = make_any_stage()
    full_id = stage.kickoff(stage.agency("ann", "bob"))
    stage.api("POST", f"/api/runs/{full_id}/cancel")  # so that nobody has an answer
    stage.clock.skip(seconds=1)

    def by_hand() -> None:
        """Make a record as the script does, which knows of no lock."""
        with suppress(run_records.ClientBusy, run_records.AlreadyExists):
            make_run(stage.ledger, [], source="manual")

    def again() -> None:
        stage.web.retry(full_id, by="api")

    at_once([again, by_hand, again, by_hand])
    with stage.ledger.read() as tx:
        live = tx.execute(select(tables.client_runs).where(tables.client_runs.c.status == "Running")).all()
        assert len(live) == 1
        assert client_runs.live_of(tx, "Guy-Wilson") is not None
