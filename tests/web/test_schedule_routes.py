"""Schedules over HTTP: in pages, with their next times, and for nobody without a token."""

from __future__ import annotations

import pytest
from factories import make_client

from .asking import Web
from .conftest import MakeWeb


def test_schedules_are_listed_in_pages(make_web: MakeWeb) -> None:
    web = make_web(schedule="0 5 * * *", schedule_timezone="Australia/Sydney", schedule_missed="all")
    for client_id, schedule in (("A", "0 6 * * *"), ("B", None), ("C", "*/20 * * * *")):
        make_client(web.ledger, client_id, schedule=schedule, timezone="America/New_York")
    web.services.schedule.sync()
    first = web.get("/api/schedule?limit=2").json
    assert (first["ok"], first["missed"], first["nextCursor"]) == (True, "all", "client A")
    rest = web.get("/api/schedule?limit=2&cursor=client%20A").json
    assert rest["nextCursor"] is None
    found = first["schedules"] + rest["schedules"]
    assert [(one["name"], one["clientId"], one["takenUp"]) for one in found] == [
        ("all", None, True),
        ("client A", "A", True),
        ("client C", "C", True),
    ]
    for one in found:
        assert one["nextAt"] == one["nextTimes"][0]["utc"] < one["nextTimes"][4]["utc"]
        assert (one["lastAt"], one["firedAt"], one["error"]) == (None, None, None)


def test_without_any_the_list_is_empty(web: Web) -> None:
    answer = {"ok": True, "schedules": [], "nextCursor": None, "missed": "last"}
    assert web.get("/api/schedule").json == answer


@pytest.mark.parametrize(
    ("query", "status", "code"), [("limit=0", 400, "invalid_limit"), ("cursor=%00", 400, "invalid_cursor")]
)
def test_a_bad_query_is_refused(web: Web, query: str, status: int, code: str) -> None:
    answer = web.get(f"/api/schedule?{query}")
    assert (answer.status_code, answer.json["code"]) == (status, code)


def test_schedules_are_for_those_who_have_a_token(web: Web) -> None:
    assert web.get("/api/schedule", token=None).status_code == 401
