"""Every way in which an actor run can end, and come back."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace

import pytest

from harvester.sandbox.apify import Fault

from .conftest import MakeStage
from .proxy import Reply
from .stage import Stage

IN = "https://www.linkedin.com/in/"


def handles_with_posts(stage: Stage) -> set[str]:
    return {item["query"]["targetUrl"].removeprefix(IN) for item in stage.items() if item["type"] == "post"}


def assert_leads_match_the_items(stage: Stage) -> None:
    """After an end that answered for nobody: `Done` with posts, due again without."""
    with_posts = handles_with_posts(stage)
    leads = stage.leads()
    assert leads == {handle: "Done" if handle in with_posts else "Pending" for handle in leads}


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("SUCCEEDED", "actor_run_at_cap", "of at most 0.0200 USD"),
        ("ABORTED", "actor_run_aborted", "Maximum total charge reached"),
    ],
)
def test_what_was_paid_before_the_charge_cap_is_ingested(
    make_stage: MakeStage, status: str, code: str, told: str
) -> None:
    stage = make_stage(apify_max_charge_usd="0.02", apify_max_posts=50, apify={"at_cap": status})
    run = stage.harvest(*(f"{name}-prolific" for name in ("ann", "bob", "cho", "dan", "eve", "fay", "gus")))
    assert run["status"] == "Completed with Errors"
    assert run["actorRuns"][0]["status"] == status
    assert run["metrics"]["postsHarvested"] == len({item["id"] for item in stage.items()}) > 0
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd <= 0.02
    assert [error["code"] for error in run["errors"]] == [code]
    assert told in run["errors"][0]["message"]
    assert_leads_match_the_items(stage)
    assert set(stage.leads().values()) == {"Done", "Pending"}


@pytest.mark.parametrize(
    ("fault", "status"), [("run-fail", "FAILED"), ("run-timeout", "TIMED-OUT"), ("run-abort", "ABORTED")]
)
def test_what_came_before_a_failure_is_ingested(stage: Stage, fault: str, status: str) -> None:
    stage.sandbox.faults = [Fault(kind=fault)]  # type: ignore[arg-type]
    run = stage.harvest("ann-prolific", "bob-prolific", "cho-no-posts")
    assert run["actorRuns"][0]["status"] == status
    assert run["status"] == "Completed with Errors"
    assert run["metrics"]["postsHarvested"] == len(stage.posts()) > 0
    assert_leads_match_the_items(stage)
    assert stage.leads()["cho-no-posts"] == "Pending"


def test_a_run_that_brought_nothing_has_failed(stage: Stage) -> None:
    stage.sandbox.inject("run-fail")
    run = stage.harvest("ann-no-posts")
    assert run["status"] == "Failed"
    assert [error["code"] for error in run["errors"]] == ["actor_run_failed"]
    assert "actor_run_failed" in run["systemNotes"]
    assert stage.leads() == {"ann-no-posts": "Pending"}


def test_a_dataset_that_is_gone_costs_what_it_cost(make_stage: MakeStage) -> None:
    # What a run cost is final 0.2 s after its end.
    stage = make_stage(apify={"cost_lag_seconds": 240.0}, cost_settle_seconds=0.4)
    stage.sandbox.inject(
        "refused", path="/v2/datasets/*", status=404, type="record-not-found", message="gone", times=None
    )
    run = stage.harvest("ann", "bob")
    assert run["status"] == "Failed"
    assert [error["code"] for error in run["errors"]] == ["data_gone"]
    assert set(stage.leads().values()) == {"Pending"}
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd > 0
    assert all(delivery["processedAt"] for delivery in stage.deliveries())


def test_a_run_that_is_gone_is_given_up_after_a_while(make_stage: MakeStage) -> None:
    stage = make_stage(reconcile_seconds=0.05)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.sandbox.inject("webhook-drop", times=None)
    stage.sandbox.inject("refused", path="/v2/actor-runs/*", status=404, type="record-not-found", times=None)
    stage.work(lambda: stage.in_state("running"))
    for _ in range(20):
        stage.turn()
    assert stage.in_state("running"), "some of Apify's machines may not know it yet"
    stage.clock.skip(minutes=2)
    run = stage.finish(full_id)
    assert run["status"] == "Failed"
    assert [error["code"] for error in run["errors"]] == ["data_gone"]
    assert stage.leads() == {"ann": "Pending"}


@pytest.mark.parametrize("still_there", [True, False], ids=["dataset-there", "dataset-gone"])
def test_a_run_that_is_gone_after_its_end_is_given_up(make_stage: MakeStage, still_there: bool) -> None:
    stage = make_stage(cost_settle_seconds=600)
    full_id = stage.kickoff(stage.agency("ann"))
    stage.work(lambda: stage.in_state("ingesting"))
    for path in ("/v2/actor-runs/*", *(() if still_there else ("/v2/datasets/*",))):
        stage.sandbox.inject("refused", path=path, status=404, type="record-not-found", times=None)
    stage.clock.skip(seconds=601)
    run = stage.finish(full_id)
    assert run["status"] == "Completed with Errors"
    assert [error["code"] for error in run["errors"]] == ["data_gone"]
    assert stage.leads() == {"ann": "Done"}


def test_items_are_read_to_the_end_whatever_the_count_says(make_stage: MakeStage) -> None:
    # The count lags behind by more than the test lasts: it says that there is nothing.
    stage = make_stage(apify={"item_count_lag_seconds": 1e6}, apify_max_posts=10)
    run = stage.harvest("ann-prolific", "bob-prolific")
    assert run["status"] == "Completed"
    assert run["actorRuns"][0]["items"] == len(stage.items()) == 20
    assert set(stage.posts()) == {item["id"] for item in stage.items()}


def test_the_cost_is_read_again_when_it_is_final(make_stage: MakeStage) -> None:
    stage = make_stage(cost_settle_seconds=600)

    def lagging(_method: str, _path: str, reply: Reply) -> Reply:
        return replace(reply, body=re.sub(rb'"usageTotalUsd":[^,}]+', b'"usageTotalUsd":5e-05', reply.body))

    stage.proxy.spoil = lagging
    full_id = stage.kickoff(stage.agency("ann"))
    stage.work(lambda: stage.in_state("ingesting"))
    assert stage.run(full_id)["metrics"]["apifyCostUsd"] == 0.00005
    stage.proxy.spoil = lambda _method, _path, reply: reply
    stage.turn()
    assert stage.run(full_id)["status"] == "Running"
    stage.clock.skip(seconds=601)
    run = stage.finish(full_id)
    assert run["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd > 0.00005


def test_a_second_end_is_ingested_too(make_stage: MakeStage) -> None:
    stage = make_stage(apify={"ad_hoc_fires_again": True})
    stage.sandbox.inject("run-fail")
    first = stage.harvest("ann-prolific", "bob-prolific", "cho-no-posts")
    (apify_run,) = first["actorRuns"]
    stage.apify("POST", f"actor-runs/{apify_run['actorRunId']}/resurrect")
    stage.work(lambda: len(stage.deliveries()) == 2 and stage.deliveries()[1]["processedAt"])
    stage.work(lambda: stage.in_state("ingested"))
    second = stage.run(first["clientRunId"])
    items = stage.items()
    assert set(stage.posts()) == {item["id"] for item in items}
    assert second["metrics"]["postsHarvested"] == len({item["id"] for item in items})
    assert second["actorRuns"][0]["items"] == len(items)
    assert second["metrics"]["apifyCostUsd"] == stage.sandbox.ledger().charged_usd
    assert second["metrics"]["actorRuns"] == 1
    assert stage.leads() == {"ann-prolific": "Done", "bob-prolific": "Done", "cho-no-posts": "No Posts"}
    assert len(stage.worker.overview.runs(limit=10).rows) == 1
    assert second["actorRuns"][0]["status"] == "SUCCEEDED"


def test_a_run_that_is_resurrected_while_it_is_ingested_is_followed_on(make_stage: MakeStage) -> None:
    """Its webhook fired already and fires no more: only Apify's own answer tells that it goes on."""
    stage = make_stage(cost_settle_seconds=600, reconcile_seconds=0.2)
    stage.sandbox.inject("run-fail")
    full_id = stage.kickoff(stage.agency("ann-prolific", "cho-no-posts"))
    stage.work(lambda: stage.in_state("ingesting"))
    stage.sandbox.inject("run-slow", seconds=0.5)
    stage.apify("POST", f"actor-runs/{stage.row()['apify_run_id']}/resurrect")
    stage.clock.skip(seconds=601)
    run = stage.finish(full_id)
    assert run["actorRuns"][0]["status"] == "SUCCEEDED"
    assert (run["status"], run["errors"]) == ("Completed", [])
    assert set(stage.posts()) == {item["id"] for item in stage.items()}
    assert stage.leads() == {"ann-prolific": "Done", "cho-no-posts": "No Posts"}


def test_a_run_whose_cost_is_not_told_for_a_moment_keeps_what_was_told(make_stage: MakeStage) -> None:
    """The budget of the day is reckoned with it."""
    stage = make_stage(reconcile_seconds=0.05)
    stage.sandbox.inject("run-slow", seconds=30.0)
    full_id = stage.kickoff(stage.agency("ann-prolific"))
    stage.work(lambda: stage.rows()[0]["cost_micros"])

    def untold(_method: str, _path: str, reply: Reply) -> Reply:
        return replace(reply, body=reply.body.replace(b'"usageTotalUsd"', b'"usageTotalUsx"'))

    stage.proxy.spoil = untold
    for _ in range(5):
        stage.clock.skip(seconds=0.1)
        stage.turn()
    assert stage.in_state("running")
    told = stage.row()["cost_micros"]
    assert told
    stage.apify("POST", f"actor-runs/{stage.row()['apify_run_id']}/abort")
    assert stage.finish(full_id)["metrics"]["apifyCostUsd"] == told / 1_000_000


def test_a_dataset_that_becomes_whole_later_is_waited_for(make_stage: MakeStage) -> None:
    """Apify's machines need not all have the last items, nor the count, at once."""
    stage = make_stage(items_lag_seconds=60)
    behind = True

    def lagging(_method: str, path: str, reply: Reply) -> Reply:
        if "/items" not in path or not behind:
            return reply
        shown = json.loads(reply.body)[:2] if "offset=0&" in path else []
        return replace(reply, body=json.dumps(shown).encode())

    stage.proxy.spoil = lagging
    full_id = stage.kickoff(stage.agency("ann-prolific", "bob-prolific"))
    stage.work(lambda: stage.in_state("ingesting") and len(stage.posts()) > 0)
    assert len(stage.items()) > 2
    for _ in range(10):
        stage.turn()
        time.sleep(0.02)
    assert stage.run(full_id)["status"] == "Running"
    behind = False
    run = stage.finish(full_id)
    assert run["status"] == "Completed"
    assert run["actorRuns"][0]["items"] == len(stage.items())


def test_a_dataset_that_stays_short_of_its_count_is_partial(make_stage: MakeStage) -> None:
    stage = make_stage(items_lag_seconds=0.3)

    def more(_method: str, _path: str, reply: Reply) -> Reply:
        headers = {name: "99" if name.endswith("-Total") else value for name, value in reply.headers.items()}
        return replace(reply, headers=headers)

    stage.proxy.spoil = more
    run = stage.harvest("ann-prolific", "bob-no-posts")
    assert run["status"] == "Completed with Errors"
    assert [error["code"] for error in run["errors"]] == ["partial"]
    assert stage.leads() == {"ann-prolific": "Done", "bob-no-posts": "Pending"}


def test_a_page_too_heavy_for_one_call_is_read_in_smaller_ones(make_stage: MakeStage) -> None:
    stage = make_stage(apify_timeout_seconds=0.25, lease_seconds=5, retry_base_seconds=0.01)

    def heavy(_method: str, path: str, reply: Reply) -> Reply:
        limit = re.search("limit=([0-9]+)", path)
        if "/items" in path and limit and int(limit.group(1)) > 200:
            time.sleep(0.4)
        return reply

    stage.proxy.spoil = heavy
    run = stage.harvest("ann-bulk-450")
    assert (run["status"], run["metrics"]["postsHarvested"]) == ("Completed", 450)
    assert stage.row()["failures"] == 0
