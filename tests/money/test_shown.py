"""Pauses, budgets and costs as the API shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from factories import end_run, make_client, make_leads, make_run
from web.asking import Web, opened_web

from harvester.ledger import Ledger


@pytest.fixture
def web(sqlite_url: str) -> Iterator[Web]:
    """The application on SQLite."""
    with opened_web(sqlite_url, daily_budget_usd="2.00") as found:
        yield found


def spent(ledger: Ledger, web: Web, client_id: str, micros: int, **changes: Any) -> None:
    """Store a client with one batch that has cost so much a moment ago."""
    make_client(ledger, client_id, **changes)
    now = web.services.clock() - timedelta(seconds=1)
    (run,) = make_run(ledger, [make_leads(ledger, client_id, 2)], client_id=client_id, now=now)
    end_run(ledger, run, now=now, cost_micros=micros)


def test_starts_are_paused_and_let_go_over_http(web: Web) -> None:
    make_client(web.ledger, "Ada")
    assert web.get("/api/starts").json["starts"] == {
        "paused": False,
        "pauses": [],
        "inFlight": 0,
        "mostInFlight": 5,
        "waiting": 0,
    }
    pause = web.post("/api/starts/pause", {"reason": "costs"}).json["pause"]
    assert (pause["clientId"], pause["reason"], pause["pausedBy"]) == (None, "costs", "api")
    assert web.post("/api/starts/pause", {"clientId": "Ada"}).status_code == 200
    assert web.post("/api/starts/pause", {"clientId": "Nobody"}).status_code == 404
    starts = web.get("/api/starts").json["starts"]
    assert (starts["paused"], [one["clientId"] for one in starts["pauses"]]) == (True, [None, "Ada"])
    assert web.post("/api/starts/resume").json == {"ok": True, "lifted": True}
    assert web.post("/api/starts/resume").json == {"ok": True, "lifted": False}
    assert web.get("/api/starts", token=None).status_code == 401


def test_costs_are_shown_by_client_and_add_up(web: Web) -> None:
    spent(web.ledger, web, "Ada", 400_000)
    spent(web.ledger, web, "Bob", 100_000, daily_budget_micros=150_000)
    found = web.get("/api/costs?days=7").json
    ada, bob = found["clients"]
    assert (ada["spentTodayUsd"], ada["dailyBudgetUsd"], ada["leftTodayUsd"]) == (0.4, 2.0, 1.6)
    assert (bob["leftTodayUsd"], bob["ownDailyBudget"]) == (0.05, True)
    assert found["total"]["costUsd"] == found["account"]["spentThisMonthUsd"] == 0.5
    assert found["total"]["costPerNewPostUsd"] is None
    assert [one["clientId"] for one in web.get("/api/costs?clientId=Bob").json["clients"]] == ["Bob"]
    assert web.get("/api/costs?clientId=Nobody").status_code == 404
    for days in ("0", "367", "x", "-1", ""):
        assert web.get(f"/api/costs?days={days}").json["code"] == "invalid_days"
    rows = web.get("/api/clients").json["clients"]
    assert [(row["spentTodayUsd"], row["dailyBudgetUsd"]) for row in rows] == [(0.4, 2.0), (0.1, 0.15)]


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("", {"clientId": ""}, {}, 400),
        ("?clientId=", {}, {}, 400),
        ("?clientId=Ada", {"clientId": "Bob"}, {}, 400),
        ("", {"clientid": "Ada"}, {}, 400),
        ("", {"all": True}, {}, 400),
        ("?client=Nobody", {}, {}, 404),
        ("?clientId=*", {}, {}, 404),
        ("", {"client": "*"}, {}, 404),
        ("", {"clientId": "\0"}, {}, 404),
        ("", {}, {"x-client-id": "Nobody"}, 404),
        ("?clientId=Ada", {}, {}, 200),
        ("", {"client": "Ada"}, {}, 200),
        ("", {}, {"x-client-id": "Ada"}, 200),
    ],
)
def test_a_client_that_is_named_in_any_way_or_wrongly_never_lifts_the_pause_of_all(
    web: Web, path: str, body: dict[str, Any], headers: dict[str, str], status: int
) -> None:
    for client_id in ("Ada", "Bob"):
        make_client(web.ledger, client_id)
    web.post("/api/starts/pause")
    web.post("/api/starts/pause", {"clientId": "Ada"})
    answer = web.post(f"/api/starts/resume{path}", body, headers=headers)
    assert answer.status_code == status
    left = web.get("/api/starts").json["starts"]
    assert left["paused"]
    assert [one["clientId"] for one in left["pauses"]] == ([None] if status == 200 else [None, "Ada"])
