"""What is cleaned at the edge can be stored by both databases, and loses nothing else."""

import math
import sqlite3
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harvester.normalise.text import MAX_DEPTH, clean, clean_json, one_line

ANY_TEXT = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff\ufffd"), max_size=60)


@given(ANY_TEXT, st.integers(0, 70))
@example("אבג \u200fمرحبا\u200e 👩🏽‍🌾🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1_000)
def test_clean_replaces_the_unstorable_and_only_that(text: str, limit: int) -> None:
    cleaned, truncated = clean(text, limit)
    assert truncated == (len(text) > limit)
    assert len(cleaned) == min(len(text), limit)
    for before, after in zip(text, cleaned, strict=False):
        unstorable = before == "\x00" or "\ud800" <= before <= "\udfff"
        assert after == ("\ufffd" if unstorable else before)
    assert clean(cleaned, limit) == (cleaned, False)


@given(ANY_TEXT)
def test_a_database_gives_back_what_was_cleaned(text: str) -> None:
    cleaned, _ = clean(text)
    database = sqlite3.connect(":memory:")
    try:
        assert database.execute("SELECT ?, length(?)", (cleaned, cleaned)).fetchone() == (
            cleaned,
            len(cleaned),
        )
    finally:
        database.close()


@given(ANY_TEXT, st.integers(1, 70))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert line.isprintable() or any(not c.isprintable() for c in text)
    line.encode()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(10**15, 10**40) | st.floats() | ANY_TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(ANY_TEXT | st.integers(), inner, max_size=4)
        | st.tuples(inner)
    ),
    max_leaves=12,
)


@given(ANYTHING)
@example([float("nan"), math.inf, -math.inf, 10**5000, -(10**5000), b"bytes", {1: 2}])
def test_cleaned_data_is_json_that_survives_a_round_trip(value: Any) -> None:
    cleaned = clean_json(value)
    written = orjson.dumps(cleaned)
    assert orjson.loads(written) == cleaned
    assert b"\\u0000" not in written
    assert clean_json(cleaned) == cleaned


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        (2**53 + 1, "9007199254740993"),
        (-(2**70), str(-(2**70))),
        pytest.param(10**5000, None, id="beyond what Python writes out"),
        (True, True),
        (1.5, 1.5),
        (math.inf, None),
        (math.nan, None),
    ],
)
def test_numbers_stay_exact_or_become_text(number: float, kept: object) -> None:
    assert clean_json([number]) == [kept]


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"inner": inner}])
def test_depth_is_bounded(wrap: Any) -> None:
    nested: Any = "end"
    for _ in range(100_000):
        nested = wrap(nested)
    levels, rest = 0, clean_json(nested)
    while rest is not None:
        levels, rest = levels + 1, rest[0] if isinstance(rest, list) else rest["inner"]
    assert levels == MAX_DEPTH


def test_strings_in_data_are_cut_at_the_limit() -> None:
    assert clean_json({"k" * 300: ["abcdef"]}, limit=3) == {"k" * 200: ["abc"]}
