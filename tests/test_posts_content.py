"""`Posts Content`: whatever is in the cell, and whatever comes: nothing of it is lost that fits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.airtable_schema import MAX_CELL
from services.posts_content import Unreadable, entry, merged, parse

START = datetime(2026, 1, 1, tzinfo=UTC)
Entry = dict[str, Any]


def ours(number: int, *, text: str = "A post.", hours: int | None = None, **more: Any) -> Entry:
    """Give the entry of a post of ours."""
    posted = START + timedelta(hours=number if hours is None else hours)
    post = {
        "post_key": f"700{number}",
        "url": f"https://www.linkedin.com/feed/update/urn:li:activity:700{number}",
        "text": text,
        "kind": "original",
        "posted_at": posted,
        "images": [],
        "author_url": "https://www.linkedin.com/in/amara",
        "author_name": "Amara",
    }
    return entry({**post, **more})


words = st.text(st.characters(codec="utf-8"), max_size=12)
numbers = st.integers(0, 6)
#: What an older writer, a scorer or a person may have left: with a key of ours or only a URL, or neither;
#: times in several forms, or none; keys of their own.
foreign = st.fixed_dictionaries(
    {},
    optional={
        "postKey": numbers.map(lambda n: f"700{n}"),
        "postUrl": numbers.map(lambda n: f"https://www.linkedin.com/feed/update/urn:li:activity:700{n}"),
        "postedAt": st.one_of(
            st.datetimes().map(lambda at: at.isoformat()),
            st.datetimes(timezones=st.timezones()).map(lambda at: at.isoformat()),
            st.just({"date": "2026-01-01T05:00:00Z"}),
            st.none(),
            words,
        ),
        "postContent": st.one_of(words, st.none()),
        "pbMeta": st.one_of(st.none(), st.dictionaries(st.sampled_from(["action", "theirs"]), words)),
        "score": st.floats(allow_nan=False, allow_infinity=False),
        "note": words,
    },
)
cells = st.lists(foreign, max_size=8)
posts = st.lists(
    st.builds(ours, numbers, text=words, hours=st.integers(0, 100)),
    max_size=6,
    unique_by=lambda one: one["postKey"],
)


@given(there=cells, new=posts)
def test_merging_again_changes_nothing(there: list[Entry], new: list[Entry]) -> None:
    once = merged(there, new)
    assert merged(parse(once), new) == once
    assert merged(parse(once), []) == once


@given(there=cells, new=posts)
def test_each_post_is_there_once_with_all_that_is_known_of_it(there: list[Entry], new: list[Entry]) -> None:
    found = parse(merged(there, new))
    keys = [one["postKey"] for one in found if "postKey" in one]
    assert len(keys) == len(set(keys))
    assert set(keys) == {one["postKey"] for one in (*there, *new) if "postKey" in one}
    for one in new:
        (kept,) = [other for other in found if other.get("postKey") == one["postKey"]]
        known = {name: value for name, value in one.items() if value is not None and name != "pbMeta"}
        assert {name: kept[name] for name in known} == known
    for name in ("score", "note"):
        of_keys = {one["postKey"] for one in there if name in one and "postKey" in one}
        assert of_keys <= {one["postKey"] for one in found if name in one and "postKey" in one}
    alone = [one for one in there if "postKey" not in one and "postUrl" not in one]
    assert all(one in found for one in alone), "what has no name is never taken for something else"


@given(there=cells, new=posts)
def test_the_newest_is_first_and_what_tells_no_time_last(there: list[Entry], new: list[Entry]) -> None:
    found = parse(merged(there, new))
    times = [when(one.get("postedAt")) for one in found]
    assert times == sorted(times, reverse=True)


def when(told: Any) -> float:
    """Give a time as seconds, to compare; none is older than any."""
    told = told.get("date") if isinstance(told, dict) else told
    try:
        moment = datetime.fromisoformat(told)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (TypeError, ValueError):
        return 0.0


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(
    sizes=st.lists(st.integers(0, 60_000), min_size=1, max_size=12),
    letter=st.sampled_from(["a", "é", "\n", "😀", '"']),
)
def test_a_cell_never_holds_too_much_and_the_oldest_leave_first(sizes: list[int], letter: str) -> None:
    new = [ours(number, text=letter * size) for number, size in enumerate(sizes)]
    text = merged([], new)
    assert length(text) <= MAX_CELL
    left = [one["postKey"] for one in parse(text)]
    newest_first = [one["postKey"] for one in reversed(new)]
    assert left == newest_first[: len(left)]
    assert left, "at least the newest is there"
    if len(left) < len(new) and length(text) < MAX_CELL:
        whole = orjson.dumps([*parse(text), new[len(new) - 1 - len(left)]]).decode()
        assert length(whole) > MAX_CELL, "one more would have had room"


def test_a_post_longer_than_a_cell_is_cut_and_drives_out_no_other_that_is_newer() -> None:
    text = merged([ours(2, note="kept")], [ours(1, text="x" * 200_000), ours(3)])
    assert length(text) <= MAX_CELL
    assert [one["postKey"] for one in parse(text)][:2] == ["7003", "7002"]
    alone = parse(merged([], [ours(1, text="😀" * 200_000)]))
    assert [one["postKey"] for one in alone] == ["7001"]
    assert alone[0]["postContent"].startswith("😀" * 1_000)


def test_many_posts_are_merged_quickly_enough_to_be_merged_at_all() -> None:
    """Work that grows with the square of the posts would take minutes here, and time out."""
    new = [ours(number, text="y" * 2_000) for number in range(3_000)]
    assert 30 <= len(parse(merged(new, new))) <= 50


@pytest.mark.parametrize(
    "cell",
    [
        "not json",
        '{"postKey": "1"}',
        '["a post"]',
        "[1]",
        '"text"',
        "[{]",
        "null",
        "[" * 500 + "]" * 500,
        '[{"a":' + "[" * 300 + "]" * 300 + "}]",
        42,
        True,
    ],
)
def test_what_is_no_list_of_posts_is_not_ours_to_write_over(cell: object) -> None:
    with pytest.raises(Unreadable):
        merged(parse(cell), [ours(1)])


@pytest.mark.parametrize("cell", [None, "", "[]", " [] \n"])
def test_an_empty_cell_is_an_empty_list(cell: object) -> None:
    assert parse(cell) == []


def test_an_update_keeps_what_a_scorer_wrote() -> None:
    scored = {**ours(1, text="before"), "score": 7, "pbMeta": {"theirs": 1, "action": "x"}}
    (found,) = parse(merged([scored], [ours(1, text="after")]))
    assert (found["postContent"], found["score"], found["pbMeta"]["theirs"]) == ("after", 7, 1)
    assert found["pbMeta"]["action"] == "apify_ingest"


def test_what_others_wrote_stays_and_ours_makes_room_for_it() -> None:
    """The ledger has ours; theirs is nowhere else."""
    theirs = [
        {"postUrl": f"https://x/{n}", "postContent": "t" * 20_000, "postedAt": "2020-01-01"} for n in range(4)
    ]
    ours = [
        {"postKey": str(n), "postContent": "o" * 3_000, "postedAt": f"2026-01-{n + 1:02d}"} for n in range(28)
    ]
    cell = merged(theirs, ours)
    assert len(cell) <= MAX_CELL
    kept = parse(cell)
    assert [one for one in kept if "postKey" not in one] == theirs
    assert [one["postKey"] for one in kept if "postKey" in one] == ["27", "26", "25", "24", "23", "22"]
    with pytest.raises(Unreadable):
        merged([*theirs, {**theirs[0], "postUrl": "https://x/5"}], ours)
