"""What a kickoff would do, and what stands, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from factories import CLIENT_ID, make_client, make_leads
from preview.whole import untouched

from services.alerts import raise_alert

from .asking import Web


def test_a_preview_names_who_is_due_and_writes_nothing(any_web: Web) -> None:
    make_client(any_web.ledger, batch_size=3)
    found = make_leads(any_web.ledger, count=7)
    with untouched(any_web.ledger):
        answer = any_web.ask("GET", f"/api/clients/{CLIENT_ID}/preview")
    assert answer.status_code == 200
    shown = answer.json["preview"]
    assert [[lead["linkedinProfileUrl"] for lead in batch["leads"]] for batch in shown["batches"]] == [
        [lead.profile_url for lead in part] for part in (found[:3], found[3:5])
    ]
    assert (shown["skipped"], shown["costAtMostUsd"], shown["mostBatches"]) == (False, 4.0, 4)


@pytest.mark.parametrize("path", ["/api/clients/Nobody/preview", "/api/clients/%00/preview"])
def test_there_is_no_preview_of_nobody(web: Web, path: str) -> None:
    answer = web.ask("GET", path)
    assert (answer.status_code, answer.json["code"]) == (404, "client_not_found")


@pytest.mark.parametrize("path", [f"/api/clients/{CLIENT_ID}/preview", "/api/alerts"])
def test_a_token_is_asked_for(web: Web, path: str) -> None:
    assert web.ask("GET", path, token=None).status_code == 401
    assert web.ask("POST", path).status_code == 405


def test_what_stands_is_listed_newest_first_by_the_page(any_web: Web) -> None:
    now = any_web.services.clock()
    with any_web.ledger.write() as tx:
        for number in range(5):
            at = now + timedelta(seconds=number)
            raise_alert(tx, f"matter {number}", f"Do {number}.", now=at, again_after=None)
    any_web.services.alerts.over("matter 2")
    keys: list[str] = []
    path = "/api/alerts?limit=3"
    while path:
        page = any_web.ask("GET", path).json
        keys += [alert["key"] for alert in page["alerts"]]
        cursor = page["nextCursor"]
        path = f"/api/alerts?limit=3&cursor={cursor}" if cursor else ""
    assert keys == ["matter 4", "matter 3", "matter 1", "matter 0"]
    assert any_web.ask("GET", "/api/alerts?limit=0").status_code == 400
    for bad in ("x", "matter 2", "", "20261122~x", "99999999T999999.9~x"):
        refused = any_web.ask("GET", f"/api/alerts?cursor={bad}")
        assert (refused.status_code, refused.json["code"]) == (400, "invalid_cursor")
