"""What supreme_coder's items become, by example and field by field; and how its actor is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from actor_examples import as_json, become, expected, load, names, post_of

from harvester.normalise import ACTORS, Ask
from harvester.posts import NameKind, Post, PostForm, PostKind, Reject, RejectReason, TimePrecision

FOLDER = "supreme_coder"
ACTOR = ACTORS["supreme_coder/linkedin-post"]
ANN = "https://www.linkedin.com/in/ann"


def changed(name: str, **changes: Any) -> Post:
    """Read an example with other values."""
    outcome = ACTOR.normalise({**load(FOLDER, name), **changes})
    assert isinstance(outcome, Post)
    return outcome


def asked(limit: str) -> dict[str, Any]:
    return ACTOR.input_for(Ask([ANN, f"{ANN}-b"], 5, limit, 0, 0, date(2026, 3, 1)))


@pytest.mark.parametrize("name", names(FOLDER))
def test_every_example_becomes_what_lies_beside_it(name: str) -> None:
    assert as_json(become(FOLDER, name)) == expected(FOLDER, name)


def test_an_error_in_a_run_that_succeeded_is_of_its_lead() -> None:
    outcome = become(FOLDER, "error")
    assert isinstance(outcome, Reject)
    assert (outcome.reason, outcome.target_url) == (
        RejectReason.ERROR_ITEM,
        "https://www.linkedin.com/in/odalys-brumfeld",
    )


def test_a_post_that_tells_of_an_error_too_is_a_post() -> None:
    assert post_of(FOLDER, "post_with_error").text == post_of(FOLDER, "original").text
    without = {"urn": None, "url": None, "shareUrn": None, "error": "no URN"}
    outcome = ACTOR.normalise({**load(FOLDER, "original"), **without})
    assert isinstance(outcome, Reject)
    assert outcome.reason is RejectReason.ERROR_ITEM


def test_a_repost_is_the_post_that_was_reposted() -> None:
    repost, quote = post_of(FOLDER, "repost"), post_of(FOLDER, "quote")
    assert repost.post_key == quote.extras["quoted"]["post_key"] == "7390000000000000777"
    assert (repost.kind, quote.kind) == (PostKind.REPOST, PostKind.QUOTE)
    assert repost.author.name == "Piet Vanderzoom"
    assert (repost.likes, repost.posted_at) == (90, datetime(2025, 10, 20, 22, 40, 0, 456000, UTC))
    assert repost.target_url == quote.target_url == "https://www.linkedin.com/in/Odalys-Brumfeld/"
    assert [number for kind, number in repost.names if kind is NameKind.REPOST] == [
        "7401000000000000619",
        "7401000000000000002",
    ]


@pytest.mark.parametrize(
    ("word", "form"),
    [
        ("text", PostForm.TEXT),
        ("image", PostForm.IMAGES),
        ("linkedinVideo", PostForm.VIDEO),
        ("document", PostForm.DOCUMENT),
        ("article", PostForm.ARTICLE),
        ("poll", PostForm.POLL),
        ("celebration", PostForm.TEXT),
        (7, PostForm.TEXT),
    ],
)
def test_the_form_is_what_the_item_says(word: object, form: PostForm) -> None:
    assert changed("original", type=word).form is form


def test_the_id_of_a_company_is_none_of_a_member() -> None:
    post = changed("company", authorProfileUrl=None)
    assert post.found_under == ("https://www.linkedin.com/company/vell-orchards",)


def test_a_name_in_parts_is_one_name() -> None:
    assert changed("original", authorName=None).author.name == "Odalys Brumfeld"
    assert changed("original", authorName=None, author={"firstName": "Odalys"}).author.name == "Odalys"


def test_a_relative_time_is_no_time() -> None:
    post = post_of(FOLDER, "relative_time_and_no_counts")
    assert (post.posted_at, post.posted_precision) == (None, TimePrecision.RELATIVE)
    assert post.extras["posted_ago"] == "2mo"


def test_all_profiles_are_asked_for_at_once_with_every_maximum() -> None:
    assert asked("any") == {
        "urls": [ANN, f"{ANN}-b"],
        "limitPerSource": 5,
        "deepScrape": True,
        "rawData": False,
    }


@pytest.mark.parametrize(
    ("limit", "until"),
    [
        ("1h", "2026-02-28"),
        ("24h", "2026-02-28"),
        ("week", "2026-02-22"),
        ("month", "2026-01-29"),
        ("3months", "2025-11-29"),
        ("6months", "2025-08-29"),
        ("year", "2025-02-28"),
    ],
)
def test_a_limit_is_a_day_that_lies_no_later(limit: str, until: str) -> None:
    assert asked(limit)["scrapeUntil"] == until
