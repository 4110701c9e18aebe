"""Posts on the page: what is searched for, one with all that is known of it, and files of it."""

from __future__ import annotations

import csv
import io
import json

from web.asking import Web
from web.test_reading_routes import harvested

from .operator import Operator, text_of

HOSTILE = '<script>alert(1)</script> "><img src=x onerror=alert(2)> {{ 7*7 }} javascript:alert(3)'


def test_a_post_is_found_by_its_words_and_shows_which_run_brought_it(
    page_web: Web, operator: Operator
) -> None:
    harvested(page_web, ["Ten years ago we started with one van", "Nothing of the kind"])
    page = operator.get("/posts?q=VAN+start")
    assert "with one van" in page
    assert "Nothing of the kind" not in page
    number = page.split('href="/posts/')[1].split('"')[0]
    told = text_of(operator.get(f"/posts/{number}"))
    assert "Brought first by 261122-050000-Guy-Wilson" in told
    assert "Leads /in/" in told
    assert operator.get("/posts/999999", status=404)


def test_hostile_text_is_only_text(page_web: Web, operator: Operator) -> None:
    harvested(page_web, [HOSTILE])
    for page in (operator.get("/posts"), operator.get("/posts?q=alert"), operator.get("/posts/1")):
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "7*7" in page
    told = operator.get("/posts?q=" + "%22%3E%3Cscript%3Ealert(9)")
    assert "<script>alert(9)" not in told


def test_what_cannot_be_searched_for_is_told_beside_the_form(page_web: Web, operator: Operator) -> None:
    for query, told in (
        ("lead=nonsense", "no LinkedIn profile URL"),
        ("postedFrom=yesterday", "postedFrom must be a day"),
        ("cursor=zebra", "cursor must be"),
    ):
        page = operator.get(f"/posts?{query}", status=400)
        assert told in text_of(page)
        assert 'name="q"' in page
    for query in ("q=%00", "q=%22", "q=*", "clientId=%00", "clientRunId=%00"):
        assert "No post fits" in operator.get(f"/posts?{query}")


def test_what_is_searched_for_is_exported_and_nothing_else(page_web: Web, operator: Operator) -> None:
    harvested(page_web, ["=cmd() zebra one", "zebra two", "other"])
    page = operator.get("/posts?q=zebra")
    assert 'href="/posts.csv?q=zebra"' in page
    rows = list(csv.reader(io.StringIO(operator.http.get("/posts.csv?q=zebra").text)))
    texts = [row[rows[0].index("text")] for row in rows[1:]]
    assert texts == ["zebra two", "'=cmd() zebra one"]
    lines = operator.http.get("/posts.jsonl?q=zebra").text.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["zebra two", "=cmd() zebra one"]
    assert Operator(page_web).http.get("/posts.csv").status_code == 302


def test_pages_of_posts_follow_each_other_and_stay_small(page_web: Web, operator: Operator) -> None:
    harvested(page_web, [f"{'<' * 699} number {number}" for number in range(60)])
    page, seen = operator.get("/posts"), 0
    for _ in range(4):
        assert len(page.encode()) < 100_000
        seen += page.count("<article")
        if 'rel="next"' not in page:
            break
        page = operator.get(
            "/posts" + page.split('href="/posts?cursor=')[1].split('"')[0].join(("?cursor=", ""))
        )
    assert seen == 60
