"""Money and limits with the local Apify and its real client: what it charged, and what it refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flow.stage import Stage, staged

from harvester.ledger import account, alerts

pytestmark = pytest.mark.slow  # they play whole harvests

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(ledger_url: str) -> Iterator[MakeStage]:
    """Set up a stage; the test runs once on each database."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(staged(ledger_url, **options))


def caps(stage: Stage) -> list[float]:
    """Give the cap of each start, as Apify has it, in the order of the starts."""
    runs = [stage.apify("GET", f"actor-runs/{one.run_id}")["data"] for one in stage.sandbox.ledger().starts]
    return [run["options"]["maxTotalChargeUsd"] for run in runs]


def told(stage: Stage) -> dict[str, str]:
    """Give the alerts by their keys."""
    with stage.ledger.read() as tx:
        return {alert.key: alert.text for alert in alerts.latest(tx, limit=50)}


def test_a_day_with_many_leads_costs_no_more_than_its_budget(make_stage: MakeStage) -> None:
    stage = make_stage(daily_budget_usd="0.05", max_actor_runs=5)
    full_id = stage.kickoff(stage.agency(*(f"lead-{number}" for number in range(40)), batch_size=3))
    run = stage.finish(full_id, 60)
    charged = stage.sandbox.ledger().charged_usd
    assert 0.03 < charged <= 0.05
    assert run["metrics"]["apifyCostUsd"] == pytest.approx(charged)
    assert {error["code"] for error in run["errors"]} <= {"budget_spent", "actor_run_aborted"}
    assert max(caps(stage)) == 0.05
    (key,) = [key for key in told(stage) if key.startswith("budget of Guy-Wilson ")]
    assert "--daily-budget" in told(stage)[key]
    row = stage.api("GET", "/api/costs?days=1").json["clients"][0]
    assert row["spentTodayUsd"] == pytest.approx(charged)
    assert row["reservedTodayUsd"] == 0


def test_while_there_is_room_a_start_may_cost_what_the_setting_says(make_stage: MakeStage) -> None:
    stage = make_stage(daily_budget_usd="3.50", max_actor_runs=5)
    run = stage.harvest(*(f"lead-{number}" for number in range(6)), batch_size=1)
    assert run["status"] == "Completed"
    assert set(caps(stage)) == {1.0}


def test_a_budget_below_what_the_actor_takes_is_spent_and_says_both_figures(make_stage: MakeStage) -> None:
    stage = make_stage(daily_budget_usd="0.005")
    run = stage.harvest("ann")
    (error,) = run["errors"]
    assert error["code"] == "budget_spent"
    assert "0.0050" in error["message"]
    assert "0.01 USD" in error["message"]
    ((key, text),) = told(stage).items()
    assert key.startswith("budget of Guy-Wilson ")
    assert "--daily-budget" in text


def test_the_accounts_own_limit_holds_and_is_not_tried(make_stage: MakeStage) -> None:
    stage = make_stage(max_actor_runs=5, apify={"max_concurrent_runs": 2}, daily_budget_usd="100")
    stage.worker.chores("account")
    run = stage.harvest(*(f"lead-{number}" for number in range(8)), batch_size=1)
    assert (run["status"], run["metrics"]["actorRuns"]) == ("Completed", 8)
    answers = stage.sandbox.ledger().answers
    assert not [answer for answer in answers if answer.startswith("POST") and answer.endswith(" 402")]
    assert stage.api("GET", "/api/starts").json["starts"]["mostInFlight"] == 2


def test_the_memory_of_an_actor_run_bounds_them_and_what_cannot_be_read_stays(make_stage: MakeStage) -> None:
    stage = make_stage(max_actor_runs=50, apify={"max_memory_gbytes": 1.0})
    stage.harvest("ann")
    stage.worker.chores("account")
    (memory,) = {row["memory_mb"] for row in stage.rows()}
    most = stage.worker.pauses.state()["mostInFlight"]
    assert most == 1024 // memory
    stage.sandbox.inject("server-error", method="GET", path="/v2/users/me/limits", times=None)
    stage.worker.chores("account")
    assert stage.worker.pauses.state()["mostInFlight"] == most


def test_a_month_that_is_nearly_used_at_apify_is_told_until_it_is_over(make_stage: MakeStage) -> None:
    stage = make_stage()
    real = stage.worker.apify.limits()
    stage.worker.chores("account")
    assert "apify month" not in told(stage)
    with stage.ledger.read() as tx:
        known = account.get(tx)
    assert known is not None
    assert (known.max_runs, known.max_memory_mb) == (real.max_runs, real.max_memory_mb) == (25, 16_384)


def test_more_items_than_were_asked_for_are_told_with_figures(make_stage: MakeStage) -> None:
    query = {"targetUrl": "https://www.linkedin.com/in/ann"}
    post: dict[str, Any] = {"type": "post", "content": "words", "query": query}
    items = [{**post, "id": str(7_000_000_000_000_000_000 + n)} for n in range(5)]
    stage = make_stage(apify={"datasets": {"ann": items}})
    run = stage.harvest("ann")
    assert "5 items" in run["systemNotes"]
    assert "2 at the most" in told(stage)["items of Guy-Wilson"]
