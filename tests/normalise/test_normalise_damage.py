"""No input makes the normaliser of harvestapi's items raise, or give out what cannot be stored."""

import copy
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import orjson
from harvestapi_examples import EXAMPLES, load
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.normalise import Outcome
from harvester.normalise.harvestapi import normalise
from harvester.normalise.refusals import MAX_DETAIL
from harvester.normalise.values import MAX_IMAGES
from harvester.posts import MOST_WITHIN, Companion, NoPosts, Post, Reject

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.integers(min_value=-(10**400), max_value=10**400)
    | st.text(st.characters(), max_size=40)
    | st.sampled_from(
        [
            "post",
            "comment",
            "error",
            "No posts found",
            "https://www.linkedin.com/in/x",
            "http://a",
            "7" * 19,
            "\x00",
            "\ud800",
            "2025-05-16T18:11:59.821Z",
            "9999-12-31T23:59:59-23:59",
            "1e999",
            "..",
            "²",
        ]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested data, by the steps that lead there."""
    yield path
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for step, entry in entries:
        yield from places(entry, (*path, step))


PLACES = [(name, path) for name in EXAMPLES for path in places(load(name)) if path]


@st.composite
def mutated_items(draw: st.DrawFn) -> Any:
    """A real item with one to three of its parts replaced by something else, or taken away."""
    name, _ = draw(st.sampled_from(PLACES))
    item = copy.deepcopy(load(name))
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from([path for path in places(item) if path] or [("type",)]))
        holder = item
        for step in way:
            holder = holder[step]
        if isinstance(holder, dict) and draw(st.booleans()):
            holder.pop(last, None)
        else:
            holder[last] = draw(JSON)
    return item


def check_storable(outcome: Outcome) -> None:
    """Whatever came in, what comes out is of bounded size, and every database and every log can hold it."""
    # orjson refuses lone surrogates, non-string keys and integers beyond 64 bits.
    told = asdict(outcome)
    for one in told.get("companions", ()):
        one["item"] = None  # the raw item, which the reader of the page encodes
    written = orjson.dumps(told)
    assert b"\\u0000" not in written
    match outcome:
        case Post():
            assert 0 < len(outcome.post_key) <= 200
            assert outcome.posted_at is None or outcome.posted_at.utcoffset() == timedelta(0)
            for number in (outcome.likes, outcome.comments, outcome.reposts):
                assert number is None or 0 <= number <= 2**53
            assert len(outcome.images) <= MAX_IMAGES
            assert all(image.startswith(("https://", "HTTPS://")) for image in outcome.images)
            assert len(outcome.companions) <= MOST_WITHIN
            assert all(0 < len(one.key) <= 200 for one in outcome.companions)
            assert {one.post_key for one in outcome.companions} <= {outcome.post_key}
            for url in (outcome.url, outcome.author.url, *outcome.found_under):
                assert url is None or "linkedin.com" in url.lower().split("/")[2]
        case Reject():
            assert 0 < len(outcome.detail) <= MAX_DETAIL
            assert len(outcome.detail.splitlines()) == 1
        case NoPosts() | Companion():
            assert len(written) < 20_000


@given(JSON)
@example({"type": "post", "id": 10**5000, "content": 10**5000, "engagement": {"likes": 10**5000}})
@example({"type": ["post"], "content": "unhashable type"})
@example({"error": {"\ud800": float("nan")}})
def test_any_json_has_an_outcome(item: Any) -> None:
    check_storable(normalise(item))


@given(mutated_items())
def test_any_damage_to_a_real_item_has_an_outcome(item: Any) -> None:
    check_storable(normalise(item))


def test_data_nested_deeper_than_python_recurses_has_an_outcome() -> None:
    nested: Any = "end"
    for _ in range(100_000):
        nested = {"repost": nested, "error": [nested]}
    assert isinstance(
        normalise({**load("quote"), "repost": nested, "header": nested, "author": nested}), Post
    )
    assert isinstance(normalise(nested), Reject)
