"""Kickoff from the command line: the same answers as over HTTP, as exit codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_client, make_leads

from harvester.ledger import Ledger

from .conftest import Harvester

Shown = Callable[..., Any]


@pytest.fixture(autouse=True)
def acme(ledger: Ledger) -> None:
    make_client(ledger, "Acme-Two")
    make_leads(ledger, "Acme-Two", 12)


def test_a_kickoff_makes_one_record_and_a_second_is_refused(harvester: Harvester, shown: Shown) -> None:
    first = shown("kickoff", "--client", "Acme-Two")
    assert first["outcome"] == "accepted"
    assert first["clientRunId"] == f"{first['runId']}-Acme-Two"
    second = shown("kickoff", "--client", "Acme-Two", code=3)
    assert (second["outcome"], second["clientRunId"]) == ("run_in_progress", first["clientRunId"])
    assert [one["clientRunId"] for one in shown("runs")] == [first["clientRunId"]]
    assert shown("clients", "show", "Acme-Two")["leads"] == {"New": 7, "Processing": 5}
    assert "still running" in harvester("kickoff", "--client", "Acme-Two", code=3).stdout


def test_more_kickoffs_in_an_hour_than_are_allowed_are_refused(
    environ: dict[str, str], harvester: Harvester, shown: Shown
) -> None:
    environ["KICKOFFS_PER_HOUR"] = "1"
    full_id = shown("kickoff", "--client", "Acme-Two")["clientRunId"]
    harvester("cancel", full_id)
    for command in (("kickoff",), ("canary",)):
        refused = harvester(*command, "--client", "Acme-Two", code=3)
        assert (
            "was kicked off 1 time within an hour, as often as KICKOFFS_PER_HOUR lets it be" in refused.stderr
        )
    assert shown("kickoff", "--client", "Acme-Two", "--dry-run")["code"] == "too_many_kickoffs"
    assert shown("retry", full_id)["outcome"] == "accepted"  # it goes on under the record that is there
    assert [one["clientRunId"] for one in shown("runs")] == [full_id]


@pytest.mark.parametrize("run_id", ["261122-050000", "261122-050000-Acme-Two", " 261122-050000 "])
def test_a_run_id_is_taken_as_it_is(run_id: str, shown: Shown) -> None:
    assert shown("kickoff", "--client", "Acme-Two", "--run-id", run_id)["runId"] == "261122-050000"


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        "SR-261122-050000",
        "job_1",
        "261322-050000",
        "261122-050000-Other",
        "HG7ML7M8z78YcAPEB",
        "1\x1b[31m",
    ],
)
def test_a_bad_run_id_is_refused_and_makes_nothing(run_id: str, harvester: Harvester, shown: Shown) -> None:
    result = harvester("kickoff", "--client", "Acme-Two", "--run-id", run_id, code=2)
    assert "\x1b" not in result.output
    assert shown("runs") == []


def test_a_client_that_is_not_eligible_is_skipped_with_the_reason(harvester: Harvester, shown: Shown) -> None:
    harvester("clients", "disable", "Acme-Two")
    assert shown("kickoff", "--client", "Acme-Two")["code"] == "client_inactive"
    assert "(client_inactive)" in harvester("kickoff", "--client", "Acme-Two").stdout
    assert shown("runs") == []


@pytest.mark.parametrize("client_id", ["Nobody", "no body", "acme-two"])
def test_an_unknown_client_fails(client_id: str, harvester: Harvester) -> None:
    harvester("kickoff", "--client", client_id, code=1)


@pytest.mark.parametrize(
    "bad",
    [
        ["--url", "https://example.org/in/x"],
        ["--max-posts", "2"],
        ["--max-batches", "0"],
        ["--source", "manual"],
        ["--source", "cron"],
    ],
    ids=" ".join,
)
def test_a_bad_order_is_a_bad_argument(bad: list[str], harvester: Harvester, shown: Shown) -> None:
    harvester("kickoff", "--client", "Acme-Two", *bad, code=2)
    assert shown("runs") == []


def test_profiles_can_be_named_each_once(shown: Shown) -> None:
    urls = ["--url", "linkedin.com/in/One/", "--url", "https://www.linkedin.com/in/one?x", "--url", "in/two"]
    run_id = shown("kickoff", "--client", "Acme-Two", *urls, "--max-posts", 5)["clientRunId"]
    (batch,) = shown("runs", run_id)["actorRuns"]
    assert batch["profiles"] == 2
