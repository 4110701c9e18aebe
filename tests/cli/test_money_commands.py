"""Commands about money: pause, costs, a client's own budget and schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from factories import make_client, make_leads

from harvester.ledger import Ledger

from .conftest import Harvester


def test_the_commands_pause_and_show_what_is_spent(harvester: Harvester) -> None:
    harvester("clients", "add", "Ada", "--daily-budget", "2.50", "--schedule", " 0  5 * * * ")
    shown = json.loads(harvester("clients", "show", "Ada", "--json").stdout)
    assert (shown["dailyBudgetUsd"], shown["schedule"]) == (2.5, "0 5 * * *")
    harvester("clients", "set", "Ada", "--daily-budget", "", "--schedule", "")
    shown = json.loads(harvester("clients", "show", "Ada", "--json").stdout)
    assert (shown["dailyBudgetUsd"], shown["ownDailyBudget"], shown["schedule"]) == (5.0, False, None)
    for bad in (("--daily-budget", "much"), ("--daily-budget", "-1"), ("--schedule", "0 25 * * *")):
        harvester("clients", "set", "Ada", *bad, code=2)
    told = harvester("pause", "--client", "Ada", "--reason", "looking").stdout
    assert "harvester resume --starts --client Ada" in told
    assert "looking" in harvester("status").stdout
    assert json.loads(harvester("status", "--json").stdout)["pauses"][0]["clientId"] == "Ada"
    assert "no client Nobody" in harvester("pause", "--client", "Nobody", code=1).stderr
    assert "paused no more" in harvester("resume", "--starts", "--client", "Ada").stdout
    assert json.loads(harvester("status", "--json").stdout)["pauses"] == []
    assert "$5.0000" in harvester("costs", "--days", "7").stdout
    assert json.loads(harvester("costs", "--json").stdout)["clients"][0]["spentTodayUsd"] == 0.0


def test_a_client_that_is_named_by_nothing_is_not_all_clients(harvester: Harvester) -> None:
    harvester("pause")
    for command in (["pause"], ["resume", "--starts"], ["process"], ["costs"]):
        refused = harvester(*command, "--client", "", code=2)
        assert "must name a client" in refused.stderr
    for command in (["pause"], ["resume", "--starts"]):
        assert "'*' is no client ID" in harvester(*command, "--client", "*", code=2).stderr
    assert "there is no client Nobody" in harvester("resume", "--starts", "--client", "Nobody", code=1).stderr
    assert "of all clients are paused" in harvester("status").stdout


def test_what_is_ordered_while_starts_are_paused_says_that_it_waits(
    harvester: Harvester, shown: Callable[..., Any], ledger: Ledger
) -> None:
    make_client(ledger, "Ada")
    make_leads(ledger, "Ada", 2)
    told = "But starts of all clients are paused since"
    assert "paused already" not in harvester("pause", "--reason", "costs").stdout
    again = harvester("pause", "--reason", "another").stdout
    assert "costs" in again
    assert "paused already" in again
    full_id = shown("kickoff", "--client", "Ada")["clientRunId"]
    assert told in harvester("runs", full_id).stdout
    assert told in harvester("jobs", full_id[:13]).stdout
    harvester("cancel", full_id)
    assert told not in harvester("runs", full_id).stdout
    assert told.removeprefix("But s") in harvester("retry", full_id).stdout
    assert told in harvester("resume").stdout
    assert told in harvester("resume", "--status").stdout
    assert told not in harvester("process").stdout  # nothing was started, which would wait
    harvester("cancel", full_id)
    assert [one["clientId"] for one in shown("process")["pauses"]] == [None]
    harvester("resume", "--starts")
    assert told not in harvester("runs").stdout


@pytest.mark.parametrize(
    "bad",
    [
        ["clients", "add", "Ada", "--daily-budget", "0.0000001"],
        ["canary", "--client", "Ada", "--seconds", "nan"],
    ],
    ids=lambda one: one[0],
)
def test_a_number_that_would_mean_another_one_is_refused(bad: list[str], harvester: Harvester) -> None:
    harvester(*bad, code=2)
