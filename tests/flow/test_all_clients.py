"""All clients in one call, to the end at the local Apify; then a smart resume over the same day."""

from __future__ import annotations

from typing import Any

import pytest

from .stage import FINAL, Stage

pytestmark = pytest.mark.slow


def look_after(stage: Stage) -> None:
    """Do what a worker does between two ticks: the chores of job runs."""
    for name in stage.worker.chores.due():
        if name == "jobs":
            stage.worker.chores(name)


def job(stage: Stage, run_id: str) -> dict[str, Any]:
    """Give a job run as the API shows it."""
    found: dict[str, Any] = stage.api("GET", f"/api/jobs/{run_id}").json["job"]
    return found


def finished(stage: Stage, run_id: str) -> dict[str, Any]:
    """Work until a job run is over and reported."""

    def is_over() -> bool:
        look_after(stage)
        return job(stage, run_id)["status"] in FINAL

    stage.work(is_over, 30)
    look_after(stage)
    return job(stage, run_id)


def test_a_day_of_three_clients_adds_up_and_is_not_paid_for_again(any_stage: Stage) -> None:
    stage = any_stage
    stage.agency("ann", "bob", client_id="Ada")
    stage.agency("cho", client_id="Bo", daily_target=1)
    stage.agency("dan-no-posts", client_id="Cy", stream=2)
    run_id = stage.api("POST", "/api/apify/process").json["runId"]
    ended = finished(stage, run_id)
    assert ended["status"] == "Completed"
    for name in ended["metrics"]:
        assert round(sum(run["metrics"][name] for run in ended["clients"]), 6) == round(
            ended["metrics"][name], 6
        )
    assert ended["report"]["sums"]["metrics"] == ended["metrics"]
    assert ended["metrics"]["profilesSubmitted"] == 4
    paid = ended["metrics"]["apifyCostUsd"]

    answer = stage.api("POST", "/api/smart-resume", {"stream": 1})
    decided = {one["clientId"]: one for one in answer.json["clients"]}
    assert decided["Bo"]["code"] == "completed_recently"
    resumed = finished(stage, answer.json["runId"])
    assert (resumed["status"], resumed["metrics"]["apifyCostUsd"]) == ("Completed", 0)
    with stage.ledger.read() as tx:
        total = tx.connection.exec_driver_sql("select sum(cost_micros) from actor_runs").scalar_one()
    assert round(float(total) / 1e6, 6) == round(paid, 6)
    assert stage.api("GET", "/api/smart-resume").json["last"]["runId"] == resumed["runId"]
