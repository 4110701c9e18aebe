"""The canary: a few leads tried out on the local Apify, with a worker beside the command."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.processes import environment
from click.testing import CliRunner

from harvester.cli import main

from .stage import API_TOKEN, APIFY_TOKEN, Stage


@contextmanager
def working(stage: Stage) -> Iterator[None]:
    """Have the worker work in a thread of its own."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set():
            stage.turn()
            time.sleep(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be away from the developer's own .env."""
    monkeypatch.chdir(tmp_path)


def canary(stage: Stage, *more: str, code: int) -> Any:
    """Call the command on the stage's ledger, and parse what it shows."""
    environ = environment(
        DATABASE_URL=stage.worker.settings.database_url.get_secret_value(),
        APIFY_API_URL=stage.proxy.url,
        APIFY_TOKEN=APIFY_TOKEN,
        API_TOKENS=API_TOKEN,
    )
    arguments = ["canary", "--client", "Guy-Wilson", *more, "--json"]
    result = CliRunner(env=environ).invoke(main, arguments)
    assert result.exit_code == code, result.output
    return orjson.loads(result.stdout) if result.stdout else result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_canary_asks_for_one_post_of_the_first_leads_and_reports_each(stage: Stage) -> None:
    stage.agency("ann", "bob", "dan-no-posts", "eve", "fay")
    first = [lead.profile_url for lead in stage.worker.preview.first_due("Guy-Wilson", 3).leads]
    with working(stage):
        found = canary(stage, code=0)
    assert [row["linkedinProfileUrl"] for row in found["profiles"]] == first
    assert {row["linkedinProfileUrl"].rpartition("/")[2]: row["answer"] for row in found["profiles"]} == {
        "ann": "posts",
        "bob": "posts",
        "dan-no-posts": "none",
    }
    assert [row["posts"] for row in found["profiles"]] == [1, 1, 0]
    assert not found["moreThanAsked"]
    assert sum(row["costUsd"] for row in found["profiles"]) == pytest.approx(
        stage.sandbox.ledger().charged_usd
    )
    assert len(stage.sandbox.ledger().starts) == 1
    assert stage.leads()["eve"] is None


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_canary_says_whom_the_actor_swallowed_and_that_more_came_than_was_asked_for(stage: Stage) -> None:
    stage.agency("ann-swallowed", "bulk-4")
    with working(stage):
        found = canary(stage, "--leads", "2", code=3)
    answers = {row["linkedinProfileUrl"].rpartition("/")[2]: row["answer"] for row in found["profiles"]}
    assert answers == {"ann-swallowed": "silent", "bulk-4": "posts"}
    assert found["moreThanAsked"]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_canary_names_the_profiles_that_never_went_to_apify_and_does_not_sing(stage: Stage) -> None:
    stage.agency("ann", "bob", "eve", batch_size=1, daily_budget_micros=11_000)
    with working(stage):
        found = canary(stage, code=3)
    assert (found["status"], found["allAnswered"]) == ("Completed with Errors", False)
    assert [row["answer"] for row in found["profiles"]] == ["posts", None, None]
    assert all("budget" in row["reason"] for row in found["profiles"][1:])
    assert len({row["linkedinProfileUrl"] for row in found["profiles"]}) == 3


@pytest.mark.usefixtures("here")
def test_a_canary_without_a_worker_does_not_wait_for_ever(stage: Stage) -> None:
    stage.agency("ann")
    found = canary(stage, "--seconds", "1", code=3)
    assert (found["status"], found["allAnswered"]) == ("Running", False)
    assert [row["answer"] for row in found["profiles"]] == [None]
    assert "still running" in canary(stage, code=3)


@pytest.mark.usefixtures("here")
def test_a_canary_is_not_sent_while_starts_are_paused(stage: Stage) -> None:
    stage.agency("ann")
    stage.worker.pauses.pause(reason="costs", by="a person")
    assert "starts of all clients are paused since" in canary(stage, code=3)
    assert stage.rows() == []
    assert stage.api("GET", "/api/runs").json["runs"] == []


@pytest.mark.usefixtures("here")
def test_a_canary_of_nobody_starts_nothing(stage: Stage) -> None:
    stage.agency()
    assert "no lead of Guy-Wilson is due" in canary(stage, code=3)
    assert stage.rows() == []


@pytest.mark.usefixtures("here")
def test_a_canary_may_sing_when_the_target_is_met(stage: Stage) -> None:
    stage.agency("ann", daily_target=0)
    assert stage.worker.preview.first_due("Guy-Wilson", 3).skip is None
    assert canary(stage, "--seconds", "1", code=3)["status"] == "Running"
