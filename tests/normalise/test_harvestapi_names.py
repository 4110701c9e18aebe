"""By what harvestapi's items name a post, what they show, and what was said within them."""

from typing import Any

import pytest
from harvestapi_examples import load
from hypothesis import given
from hypothesis import strategies as st

from harvester.normalise.harvestapi import POSTS, normalise
from harvester.normalise.harvestapi_fields import NAMES
from harvester.normalise.table import Table
from harvester.posts import MOST_WITHIN, Companion, NameKind, Post, PostForm, Reject, RejectReason

NUMBERS = st.integers(10**18, 9 * 10**18).map(str)


def post_of(item: Any) -> Post:
    outcome = normalise(item)
    assert isinstance(outcome, Post)
    return outcome


@st.composite
def urls(draw: st.DrawFn, number: str) -> str:
    """A URL of that post, or one that only looks like it."""
    kind = draw(st.sampled_from(["activity", "activity", "ugcPost", "ACTIVITY"]))
    other = draw(st.sampled_from([number, number, number, number + "0", "7" * 19]))
    tail = draw(st.sampled_from(["-aB3d", "", f"-share-{'6' * 19}-x", f"-aB3d?x=urn:li:share:{'5' * 19}"]))
    return f"https://www.linkedin.com/posts/x_in-activity-2024-{kind}-{other}{tail}"


@given(NUMBERS, st.data())
def test_the_quick_way_to_names_tells_what_the_long_way_tells(number: str, data: st.DataObject) -> None:
    url = data.draw(urls(number) | st.none())
    share = data.draw(urls(number) | st.none() | st.just(f"{url}?utm_source=x"))
    item = {"id": number, "linkedinUrl": url, "socialContent": {"shareUrl": share}}
    assert POSTS.names_of(item) == Table.names_of(POSTS, item)
    assert len(NAMES) > 1


@given(NUMBERS, NUMBERS)
def test_a_repost_names_its_post_and_a_quoted_post_never_does(number: str, other: str) -> None:
    item = {**load("repost"), "id": number, "linkedinUrl": None, "socialContent": None, "repostId": other}
    expected = {(NameKind.REPOST, other)} if int(other) > int(number) else set()
    assert set(post_of(item).names) == {(NameKind.ACTIVITY, number)} | expected
    quote = {key: item[key] for key in item if key not in {"repostedBy", "repostedAt"}}
    assert post_of(quote).names == ((NameKind.ACTIVITY, number),)


def test_who_says_what_a_number_counts_knows_better_than_a_bare_id() -> None:
    number = "7401000000000000001"
    item = {**load("id_from_url"), "id": number, "socialContent": None}
    item["linkedinUrl"] = f"https://www.linkedin.com/posts/odalys-brumfeld_x-ugcPost-{number}-aB3d"
    assert post_of(item).names == ((NameKind.UGC_POST, number),)


def test_a_companion_without_an_id_has_the_same_key_within_its_post_and_alone() -> None:
    post = load("original")
    for place, kind in (("comments", "comment"), ("reactions", "reaction")):
        told = [{key: one[key] for key in one if key != "id"} for one in post[place]]
        within = [one for one in post_of({**post, place: told}).companions if one.kind == kind]
        alone = [normalise({"type": kind, **one}) for one in told]
        assert within
        assert [one.key for one in within] == [one.key for one in alone if isinstance(one, Companion)]
        assert all(one.key.startswith("sha256:") for one in within)
        assert [one.item for one in within] == told
        other = normalise({"type": kind, **told[0], "actor": {"name": "x", "linkedinUrl": None}})
        assert isinstance(other, Companion)
        assert other.key != within[0].key


def test_only_so_many_are_taken_out_of_one_post_and_none_that_says_nothing() -> None:
    post = load("original")
    many = [{**post["comments"][0], "id": str(number)} for number in range(1, MOST_WITHIN + 9)]
    assert len(post_of({**post, "comments": many}).companions) == MOST_WITHIN
    assert (
        post_of({**post, "comments": [{}, 7, None, {"commentary": ["x"]}], "reactions": "x"}).companions == ()
    )


@pytest.mark.parametrize("kind", ["comment", "reaction"])
def test_what_was_said_to_nothing_is_no_companion(kind: str) -> None:
    outcome = normalise({"type": kind, "commentary": "x"})
    assert isinstance(outcome, Reject)
    assert outcome.reason is RejectReason.NO_ID
    damaged = normalise({**load("comment"), "commentary": {"text": "x"}})
    assert isinstance(damaged, Reject)
    assert damaged.reason is RejectReason.DAMAGED


def test_a_companion_finds_its_post_in_a_url_or_a_urn() -> None:
    for name in ("comment", "reaction"):
        item = {key: value for key, value in load(name).items() if key not in {"postId", "query"}}
        outcome = normalise(item)
        assert isinstance(outcome, Companion)
        assert outcome.post_key == "7400999999999999001"


@pytest.mark.parametrize(
    ("counts", "likes"),
    [([], 0), ([{"count": 2}, {"count": "3"}], 5), ([{"count": -1}], None), (None, None), ({}, None)],
)
def test_likes_of_a_comment_are_told_or_absent(counts: object, likes: int | None) -> None:
    outcome = normalise({**load("comment"), "reactionTypeCounts": counts})
    assert isinstance(outcome, Companion)
    assert outcome.likes == likes


@pytest.mark.parametrize(
    ("told", "form"),
    [
        ({}, PostForm.TEXT),
        ({"postImages": [{"url": "https://media.licdn.com/a.jpg"}]}, PostForm.IMAGES),
        ({"article": {"title": "x", "link": "https://www.linkedin.com/events/7400/"}}, PostForm.EVENT),
        ({"article": {"title": "x", "link": "https://evil.example/linkedin.com/events/1"}}, PostForm.ARTICLE),
        ({"newsletterTitle": "x", "article": {"title": "x"}}, PostForm.NEWSLETTER),
    ],
)
def test_the_form_is_the_first_that_fits(told: dict[str, Any], form: PostForm) -> None:
    assert post_of({**load("original"), **told}).form is form


@pytest.mark.parametrize(
    ("line", "edited"),
    [
        ("6 days ago • Edited • Visible to anyone", True),
        ("6 days ago • Visible to credited people", None),
        (5, None),
        (None, None),
    ],
)
def test_an_edit_is_read_off_the_line_above_the_post(line: object, edited: object) -> None:
    item = load("original")
    item["postedAt"]["postedAgoText"] = line
    assert post_of(item).extras.get("edited") is edited
