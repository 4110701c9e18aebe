"""Activity on the page: who did what, narrowed, a page at a time."""

from __future__ import annotations

from factories import NOW
from web.asking import Web

from harvester.ledger import activity

from .operator import Operator, text_of

HOSTILE = "<script>alert(1)</script>"


def done(web: Web, operation: str, count: int = 1, **values: object) -> None:
    line = {
        "source": "page: Ann",
        "client_run_id": None,
        "client_id": None,
        "ok": True,
        "detail": "it was so",
    }
    with web.ledger.write() as tx:
        for _ in range(count):
            activity.record(tx, operation, now=NOW, **{**line, **values})  # type: ignore[arg-type]


def test_who_did_what_is_narrowed_and_paged(page_web: Web, operator: Operator) -> None:
    done(page_web, "kickoff", client_id="Ada", client_run_id="261122-050000-Ada", detail=HOSTILE)
    done(page_web, "cancel", source="api", client_run_id="261122-050000-Bo", ok=False, detail="it is over")
    done(page_web, "pause", 120, client_id="Cy", detail="many of them")
    for query, told, count in (
        ("operation=kickoff", HOSTILE.replace("<", "&lt;").replace(">", "&gt;"), 1),
        ("clientId=Ada", "261122-050000-Ada", 1),
        ("clientRunId=261122-050000-Bo", "it is over", 1),
        ("ok=false&operation=cancel", "failed", 1),
        ("ok=true&operation=cancel", "Nothing fits", 0),
        ("operation=pause", "many of them", 50),
    ):
        page = operator.get(f"/activity?{query}")
        assert told in page
        assert HOSTILE not in page
        assert page.count('<td class="wide">') == count, query
    page, seen = operator.get("/activity?operation=pause"), 50
    while 'rel="next"' in page:
        page = operator.get(
            "/activity" + page.split('rel="next" href="/activity')[1].split('"')[0].replace("&amp;", "&")
        )
        seen += page.count('<td class="wide">')
    assert seen == 120
    assert '<option value="cancel">' in page
    assert "page: Ann" in text_of(page)


def test_what_people_did_is_not_lost_among_what_harvests_note(page_web: Web, operator: Operator) -> None:
    done(page_web, "cancel", detail="by a person")
    done(page_web, "update", 60, source="ingest", detail="posts 1, new 1, rejected 0")
    page = operator.get("/activity")
    assert "by a person" in page
    assert "posts 1, new 1" not in page
    assert "posts 1, new 1" in operator.get("/activity?operation=*")
    assert "posts 1, new 1" in operator.get("/activity?ok=true")
