"""What harvestapi's items become: every shape by example, then field by field."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from actor_examples import as_json
from harvestapi_examples import EXAMPLES, FIXTURES, load
from hypothesis import given
from hypothesis import strategies as st

from harvester.normalise.harvestapi import normalise
from harvester.normalise.text import MAX_TEXT
from harvester.normalise.values import MAX_IMAGES
from harvester.posts import Companion, Post, PostKind, Reject, RejectReason

#: A published item of the actor's own, where the background papers of this project lie beside it.
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "harvestapi-readme-sample.json"
#: Examples of what the actor really sends as post, comment or reaction, in any of its builds.
GENUINE = [
    "original",
    "repost",
    "quote",
    "quote_of_removed",
    "comment",
    "reaction",
    "no_text",
    "document",
    "article",
    "video",
    "mentions",
    "newsletter",
    "scripts_and_emoji",
    "company",
    "older_flat_build",
    "no_engagement",
]


def genuine_items() -> Iterator[tuple[str, Any]]:
    yield from ((name, load(name)) for name in GENUINE)
    if PUBLISHED.exists():
        post = json.loads(PUBLISHED.read_text())
        yield "published post", post
        for number, comment in enumerate(post["comments"]):
            yield f"published comment {number}", {"type": "comment", **comment}
        for number, reaction in enumerate(post["reactions"]):
            yield f"published reaction {number}", {"type": "reaction", **reaction}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_becomes_what_lies_beside_it(name: str) -> None:
    assert as_json(normalise(load(name))) == json.loads((FIXTURES / f"{name}.expected.json").read_text())


@pytest.mark.parametrize("item", [pytest.param(item, id=name) for name, item in genuine_items()])
def test_nothing_genuine_is_rejected(item: Any) -> None:
    outcome = normalise(item)
    assert isinstance(outcome, Companion if item.get("type") in {"comment", "reaction"} else Post)
    assert outcome.post_key is not None
    assert outcome.post_key.isdigit()


@given(st.integers(10**18, 10**19))
def test_one_post_has_one_key_however_its_number_comes(number: int) -> None:
    bare = {"type": "post", "content": "x"}
    url = f"https://www.linkedin.com/posts/odalys-brumfeld_my-activity-2024-share-1234567890123456-activity-{number}-_gfJ"
    forms: list[dict[str, Any]] = [
        {"id": number},
        {"id": f" {number} "},
        {"id": f"urn:li:activity:{number}"},
        {"id": f"urn:li:fsd_update:(urn:li:ugcPost:{number},MAIN_FEED)"},
        {"id": float(number), "linkedinUrl": url},
        {"id": None, "linkedinUrl": f"{url}?origin=urn:li:share:1234567890123456789"},
        {"linkedinUrl": f"https://www.linkedin.com/feed/update/urn%3Ali%3Aactivity%3A{number}/"},
        {"socialContent": {"shareUrl": url}},
        {"shareUrn": f"urn:li:share:{number}"},
        {"entityId": f"ugcPost:{number}"},
    ]
    outcomes = [normalise(bare | form) for form in forms]
    assert {outcome.post_key for outcome in outcomes if isinstance(outcome, Post)} == {str(number)}
    assert not [outcome for outcome in outcomes if isinstance(outcome, Reject)]


def test_a_post_without_any_number_keeps_the_actors_own_id() -> None:
    outcome = normalise({**load("no_id"), "id": "post-b7f2:41"})
    assert isinstance(outcome, Post)
    assert outcome.post_key == "post-b7f2:41"


@pytest.mark.parametrize(
    "useless", [0, -1, True, 7.3e18, "", "  ", "0", [], {}, "https://media.licdn.com/x?e=1"]
)
def test_no_key_is_made_of_what_identifies_nothing(useless: object) -> None:
    outcome = normalise({**load("no_id"), "id": useless})
    assert isinstance(outcome, Reject)
    assert outcome.reason is RejectReason.NO_ID


@pytest.mark.parametrize("content", [{"text": "x"}, ["x"], {}, []])
def test_a_text_that_is_no_text_is_damage(content: object) -> None:
    outcome = normalise({**load("original"), "content": content})
    assert isinstance(outcome, Reject)
    assert outcome.reason is RejectReason.DAMAGED
    assert outcome.target_url == "https://www.linkedin.com/in/odalys-brumfeld"


@pytest.mark.parametrize(("content", "text"), [(None, ""), (2025, "2025"), (True, ""), (" kept ", " kept ")])
def test_a_text_may_be_absent_or_a_number(content: object, text: str) -> None:
    outcome = normalise({**load("original"), "content": content})
    assert isinstance(outcome, Post)
    assert outcome.text == text


@given(st.integers(0, 253_000_000_000_000))
def test_times_are_exact_to_the_millisecond_and_the_date_stands_in(stamp: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)
    iso = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    elsewhere = "2001-01-01T00:00:00.000Z"
    for told in (
        {"timestamp": stamp, "date": elsewhere},
        {"timestamp": None, "date": iso},
        {"timestamp": 10**18, "date": iso.removesuffix("Z")},
        {"timestamp": "soon", "date": iso.replace("Z", "+00:00")},
        iso,
    ):
        outcome = normalise({**load("original"), "postedAt": told})
        assert isinstance(outcome, Post)
        assert outcome.posted_at == moment
        assert outcome.posted_at.tzinfo is UTC


@given(st.integers() | st.floats())
def test_absurd_times_are_no_time(stamp: float) -> None:
    outcome = normalise({**load("original"), "postedAt": {"timestamp": stamp}})
    assert isinstance(outcome, Post)
    representable = -62_000_000_000_000 < stamp < 253_000_000_000_000
    assert (outcome.posted_at is not None) or not representable
    assert outcome.posted_at is None or outcome.posted_at.year < 9999


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (0, 0),
        ("0", 0),
        (" 12 ", 12),
        (3.0, 3),
        (2**53, 2**53),
        (2**53 + 1, None),
        (-1, None),
        (True, None),
        (None, None),
        ("1K", None),
        ("", None),
        (0.5, None),
        (float("inf"), None),
        ([], None),
        ("9" * 31, None),
    ],
)
def test_absent_or_absurd_counts_are_no_zero(told: object, read: int | None) -> None:
    outcome = normalise({**load("original"), "engagement": {"likes": told, "comments": told, "shares": told}})
    assert isinstance(outcome, Post)
    assert [outcome.likes, outcome.comments, outcome.reposts] == [read] * 3


@pytest.mark.parametrize(
    "reposter", [{"name": "Odalys Brumfeld"}, "Odalys Brumfeld", [1], {"linkedinUrl": "x"}]
)
def test_a_repost_is_never_attributed_to_the_author_of_the_original(reposter: object) -> None:
    outcome = normalise({**load("repost"), "repostedBy": reposter})
    assert isinstance(outcome, Post)
    assert outcome.kind is PostKind.REPOST
    assert outcome.found_under == ()


def test_a_repost_of_a_quote_is_a_repost_that_tells_what_is_quoted() -> None:
    outcome = normalise({**load("repost"), "repost": load("quote")["repost"]})
    assert isinstance(outcome, Post)
    assert outcome.kind is PostKind.REPOST
    assert outcome.extras["quoted"]["author"]["name"] == "Piet Vanderzoom"


def test_everything_that_can_be_long_is_cut() -> None:
    long = "🍎" * (MAX_TEXT + 1)
    outcome = normalise(
        {
            **load("article"),
            "content": long,
            "header": {"text": long},
            "author": {"name": long, "publicIdentifier": long},
            "article": {"title": long, "link": "https://x.example/" + long},
            "contentAttributes": [
                {"type": "HASHTAG", "hyperlink": f"https://x.example/{n}"} for n in range(9_999)
            ],
            "postImages": [{"url": f"https://x.example/{number}"} for number in range(9_999)],
            "query": {"targetUrl": long},
        }
    )
    assert isinstance(outcome, Post)
    assert outcome.text_truncated
    assert outcome.text == long[:MAX_TEXT]
    assert len(outcome.images) == MAX_IMAGES
    assert len(outcome.target_url or "") == 4_000
    assert len(orjson.dumps(outcome.extras)) < 100_000


@pytest.mark.parametrize("slug", ["..", ".", "", "a/b", "a?b", "a b", "a@b", "x" * 201, "a\u202eb", 7, None])
def test_no_profile_url_is_made_of_what_is_no_name(slug: object) -> None:
    outcome = normalise({**load("original"), "author": {"publicIdentifier": slug, "universalName": slug}})
    assert isinstance(outcome, Post)
    assert outcome.found_under == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://www.linkedin.com/feed/update/urn:li:activity:7401000000000000001/?a=b#c",
        "http://linkedin.com/posts/x",
        "HTTPS://De.LinkedIn.com:443/posts/größe_x",
        "https://linkedin.com",
        "https://www.linkedin.com?x=1",
    ],
)
def test_links_into_linkedin_are_kept_as_they_are(url: str) -> None:
    outcome = normalise({**load("original"), "linkedinUrl": f" {url} "})
    assert isinstance(outcome, Post)
    assert outcome.url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://linkedin.com.evil.example/x",
        "https://evil.example/linkedin.com",
        "javascript:alert(1)",
        "//x",
        "x",
        "https://linkedin.com@evil.example/",
        "https://www.linkedin.com.\\evil",
        "https://media.licdn.com/in/x",
        'https://www.linkedin.com/in/x"onclick',
        "https://www.linkedin.com/a b",
        "https://xlinkedin.com/in/x",
        "https://www.linkedin.com/in/\u202exe",
        "https://www.linkedin.com/in/x\n.evil",
        "https://www.linkedin.com/in/\ud800",
        5,
    ],
)
def test_only_links_into_linkedin_are_a_posts_or_a_persons_url(url: object) -> None:
    item = {**load("original"), "linkedinUrl": url, "socialContent": None, "author": {"linkedinUrl": url}}
    outcome = normalise(item)
    assert isinstance(outcome, Post)
    assert outcome.url is None
    assert outcome.author.url is None
    assert outcome.found_under == ()


def test_the_target_is_told_exactly_as_it_was_given() -> None:
    given_form = " HTTP://uk.linkedin.com/in/Odalys-Brumfeld/?x=1 "
    outcome = normalise(
        {**load("original"), "query": {"targetUrl": given_form}, "inputUrl": "https://other.example"}
    )
    assert isinstance(outcome, Post)
    assert outcome.target_url == given_form
