"""Comments and reactions as the API lists them, and on the page of their post."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, make_client, make_leads, make_run
from pages.operator import Operator, page_settings, text_of
from web.asking import Web, opened_web
from web.test_reading_routes import paged

from harvester.models import ActorRun

from .saying import ALIAS, POST, comment, posts_by_key, publish, reaction, say

HOSTILE = '<script>alert(1)</script> "><img src=x onerror=alert(2)> {{ 7*7 }}'


@pytest.fixture
def house(ledger_url: str) -> Iterator[Web]:
    """The application, with a post of one client."""
    with opened_web(ledger_url, **page_settings()) as web:
        make_client(web.ledger)
        yield web


def harvested(web: Web, client_id: str = CLIENT_ID, run_id: str = "261122-050000") -> ActorRun:
    """Store the post, seen by an actor run of this client. Gives that."""
    (lead,) = make_leads(web.ledger, client_id)
    (run,) = make_run(web.ledger, [[lead]], client_id=client_id, run_id=run_id)
    publish(web.ledger, run, lead)
    return run


def test_they_are_listed_as_documented(house: Web) -> None:
    run = harvested(house)
    say(house.ledger, run, comment(), comment("8", post_key=ALIAS), reaction(), at=NOW)
    (second, first) = house.get("/api/comments").json["comments"]
    assert first == {
        "id": first["id"],
        "key": comment().key,
        "postId": posts_by_key(house.ledger)[POST],
        "postKey": POST,
        "clientId": CLIENT_ID,
        "author": {"name": comment().author.name, "url": comment().author.url, "headline": "Vans"},
        "actorRunId": None,
        "firstSeenAt": "2026-11-22T05:00:00Z",
        "lastSeenAt": "2026-11-22T05:00:00Z",
        "text": "One van was enough for us.",
        "textTruncated": False,
        "createdAt": "2026-11-22T05:00:00Z",
        "likes": 2,
        "url": comment().url,
    }
    assert second["postKey"] == POST, "told by its other number"
    (reacted,) = house.get("/api/reactions").json["reactions"]
    assert (reacted["reaction"], reacted["createdAt"], reacted["postKey"]) == ("LIKE", None, POST)


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_they_are_paged_and_narrowed(house: Web, limit: int) -> None:
    run = harvested(house)
    say(house.ledger, run, *(comment(str(n), post_key=(POST, ALIAS, "9", None)[n % 4]) for n in range(7)))
    say(house.ledger, run, *(reaction(str(n)) for n in range(2)))

    def keys(query: str, name: str = "comments") -> list[str]:
        return [one["key"] for one in paged(house, f"/api/{name}?{query}", name, limit)]

    assert keys("") == list("6543210")
    assert keys(f"postKey={POST}") == keys(f"postKey={ALIAS}&clientId={CLIENT_ID}") == list("5410")
    assert keys("postKey=9") == list("62"), "those whose post is not stored"
    assert keys("", "reactions") == list("10")
    assert keys("clientId=guy-wilson") == keys(f"clientId=Other&postKey={POST}") == []


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "cursor=zebra", "cursor=1.2", "postKey=%00"])
def test_what_cannot_be_asked_is_refused(house: Web, query: str) -> None:
    for path in ("/api/comments", "/api/reactions"):
        answer = house.get(f"{path}?{query}")
        assert (answer.status_code, answer.json["code"][:8]) == (400, "invalid_")
    assert house.get("/api/comments?postKey=%27%20OR%201=1--").json["comments"] == []


def test_a_token_of_one_client_sees_its_own_alone(house: Web) -> None:
    """The post, the comment and the reaction have the same numbers with both."""
    tokens = {}
    for number, client_id in enumerate((CLIENT_ID, "guy-wilson", "Other")):
        if client_id != CLIENT_ID:
            make_client(house.ledger, client_id)
        run = harvested(house, client_id, f"261122-05000{number}")
        say(house.ledger, run, comment(text=f"told {client_id}"), comment("0", post_key="9"), reaction())
        tokens[client_id] = house.services.api_tokens.create(client_id, client_id=client_id, by="t")[1]
    for client_id, token in tokens.items():
        for name in ("comments", "reactions"):
            for query in ("", f"postKey={POST}", f"postKey={ALIAS}", "postKey=9", f"clientId={client_id}"):
                rows = house.get(f"/api/{name}?{query}", token=token).json[name]
                assert {row["clientId"] for row in rows} <= {client_id}
                assert rows or (name, query) == ("reactions", "postKey=9")
            other = house.get(f"/api/{name}?clientId={'Other' if client_id != 'Other' else 'x'}", token=token)
            assert (other.status_code, other.json["code"]) == (403, "forbidden")
    assert len(house.get("/api/comments").json["comments"]) == 6


def on_page(web: Web, key: str = POST) -> str:
    operator = Operator(web)
    assert operator.sign_in().status_code == 303
    return operator.get(f"/posts/{posts_by_key(web.ledger)[key]}")


def test_the_page_of_a_post_shows_who_said_what_and_when(house: Web) -> None:
    run = harvested(house)
    assert "Comments" not in text_of(on_page(house)).split("Where it comes from")[1]
    hours = (timedelta(hours=hour) for hour in range(120))
    made = [comment(str(n), text=f"word {n}.", created_at=NOW - ago) for n, ago in enumerate(hours)]
    say(house.ledger, run, *made, reaction(), comment("999", post_key="9", text="of another"))
    page = on_page(house)
    told = text_of(page)
    assert "120 stored, the newest 100 of them, newest first" in told
    shown = [told.find(f"word {n}.") for n in range(120)]
    assert shown[:100] == sorted(shown[:100])
    assert shown[0] > 0
    assert shown[100:] == [-1] * 20
    assert "2026-11-22 05:00 Björn Haddad Vans word 0." in told
    assert "1 stored, newest first Who Which Elif Petrova LIKE" in told
    assert "of another" not in told


def test_hostile_words_are_only_words(house: Web) -> None:
    run = harvested(house)
    who: Any = comment().author.__class__(HOSTILE, "javascript:alert(3)")
    said = comment(text=HOSTILE, author=who, headline=HOSTILE, url="javascript:alert(4)")
    say(house.ledger, run, said, reaction(author=who, reaction=HOSTILE))
    page = on_page(house)
    for evil in ("<script>alert", "<img src=x", 'href="javascript', "49 "):
        assert evil not in page
    assert page.count("{{ 7*7 }}") >= 5
