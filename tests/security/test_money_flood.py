"""Many kickoffs and many processes at once: what is started is what the budgets and the bounds allow."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing.synchronize import Event
from typing import Any, Final

import pytest
from factories import make_client, make_leads, make_settings, opened
from flow.stage import APIFY_TOKEN, Answer, Stage, staged
from simultaneous import at_once

from harvester.sandbox.apify import SandboxApify
from services import Services, build
from services.kickoff import Order

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CLIENT: Final = "Guy-Wilson"
KICKOFFS, CAP_USD, BUDGET_USD = 5, 0.1, 0.5
PROCESSES = 4


@contextmanager
def at_work(stage: Stage) -> Iterator[None]:
    """Let a worker do what is due, for the length of a `with` block."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            stage.turn()
            over.wait(0.02)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(20)


def flooded(stage: Stage, number: int) -> list[Answer]:
    """Be one caller of eight: 25 kickoffs of every kind, and an end for each that was accepted."""
    answers = []
    for turn in range(25):
        body: dict[str, Any] = {"clientId": CLIENT}
        headers = {"Idempotency_Key": f"key-{turn % 8}"} if number % 2 else {}
        path = ("process-client", "run")[turn % 2]
        if path == "run":
            body["targetUrls"] = [f"https://www.linkedin.com/in/person-{number}-{turn}"]
        answer = stage.api("POST", f"/api/apify/{path}", body, **headers)
        answers.append(answer)
        if answer.status == 202:
            stage.api("POST", f"/api/runs/{answer.json['clientRunId']}/cancel")
            time.sleep(0.2)
    return answers


def test_a_flood_of_kickoffs_starts_no_more_than_is_allowed(sqlite_url: str) -> None:
    """Two hundred from eight callers with eight keys, each ended at once so that the next may come."""
    bounds: dict[str, Any] = {
        "kickoffs_per_hour": KICKOFFS,
        "daily_budget_usd": BUDGET_USD,
        "apify_max_charge_usd": CAP_USD,
    }
    with staged(sqlite_url, **bounds) as stage:
        stage.agency(*(f"person-{number}" for number in range(40)), batch_size=2, max_batches=500)
        with at_work(stage):
            found = at_once([partial(flooded, stage, number) for number in range(8)])
        answers = [answer for of_one in found for answer in of_one]
        assert len(answers) == 200
        accepted = {answer.json["clientRunId"] for answer in answers if answer.status == 202}
        assert len(accepted) == KICKOFFS
        codes = Counter(answer.json["code"] for answer in answers if answer.status in (409, 429))
        assert set(codes) <= {"run_in_progress", "too_many_kickoffs"}
        assert codes["too_many_kickoffs"]
        assert {answer.status for answer in answers} <= {200, 202, 409, 429}
        planned = len(stage.rows())
        charged = stage.sandbox.ledger()
        assert len(charged.starts) <= planned
        assert charged.charged_usd <= BUDGET_USD


def test_the_switch_stops_starts_within_a_second(sqlite_url: str) -> None:
    """Of forty batches that a worker is starting; and on they go once it is lifted."""
    with staged(sqlite_url, max_actor_runs=20, daily_budget_usd=1_000) as stage:
        stage.agency(*(f"person-{number}" for number in range(40)), batch_size=1, max_batches=500)
        with at_work(stage):
            stage.kickoff(CLIENT)
            until(lambda: stage.sandbox.ledger().starts)
            assert stage.api("POST", "/api/starts/pause", {"reason": "costs"}).status == 200
            time.sleep(1)
            then = len(stage.sandbox.ledger().starts)
            time.sleep(2)
            assert len(stage.sandbox.ledger().starts) == then < 40
            assert stage.api("POST", "/api/starts/resume").status == 200
            until(lambda: len(stage.sandbox.ledger().starts) > then)


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds; on a busy machine processes take their time to begin."""
    deadline = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.01)


def worker(settings: dict[str, Any], over: Event) -> None:
    """Be one worker process: do what is due until it is over, for two minutes at the most."""
    services = build(make_settings(**settings))
    deadline = time.monotonic() + 120
    with closing(services):
        while not over.is_set() and time.monotonic() < deadline:
            services.tick(services.advance)
            over.wait(0.01)


@contextmanager
def workers(settings: dict[str, Any]) -> Iterator[None]:
    """Run worker processes for the length of a `with` block."""
    context = multiprocessing.get_context("spawn")
    over = context.Event()
    children = [context.Process(target=worker, args=(settings, over)) for _ in range(PROCESSES)]
    for child in children:
        child.start()
    try:
        yield
    finally:
        over.set()
        for child in children:
            child.join(30)
            child.kill()
            child.join()
            child.close()


def planned(services: Services, batches: int) -> None:
    """Kick a client off that has so many batches of one lead each."""
    make_client(services.ledger, CLIENT, batch_size=1, daily_target=1_000, max_batches=1_000)
    make_leads(services.ledger, CLIENT, batches)
    assert services.kickoff(Order(CLIENT)).outcome == "accepted"


def test_processes_that_spend_at_once_promise_no_more_than_the_budget(ledger_url: str) -> None:
    """Of forty batches that four processes want to start, and that go on and on, three fit into 1.00 USD."""
    options: dict[str, Any] = {"token": APIFY_TOKEN, "seed": 7, "run_seconds": 3600.0}
    with SandboxApify(**options) as sandbox, opened(ledger_url) as ledger:
        settings = {
            "database_url": ledger_url,
            "apify_api_url": sandbox.url,
            "apify_token": APIFY_TOKEN,
            "public_url": "http://127.0.0.1:9",
            "daily_budget_usd": 1,
            "apify_max_charge_usd": 0.3,
            "max_actor_runs": 20,
            "reconcile_seconds": 60,
        }
        with closing(build(make_settings(**settings), ledger=ledger)) as services:
            planned(services, 40)
        with workers(settings):
            until(lambda: len(sandbox.ledger().starts) >= 3)
            time.sleep(2)
        assert len(sandbox.ledger().starts) == 3
