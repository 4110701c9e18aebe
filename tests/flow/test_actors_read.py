"""What the normalisers make of the local Apify's items: by whichever actor, the same posts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from harvester.normalise import STARTABLE, Ask, startable
from harvester.posts import Author, Post, PostForm, PostKind
from harvester.sandbox.apify.actor import make_plan
from harvester.sandbox.apify.kinds import kind_of
from harvester.sandbox.apify.people import Scene

ANCHOR = datetime(2026, 11, 22, tzinfo=UTC)
HARVESTAPI = "harvestapi/linkedin-profile-posts"
IN = "https://www.linkedin.com/in/"
handles = st.from_regex(r"[a-z]{3,8}-[a-z]{3,8}", fullmatch=True) | st.sampled_from(
    ["prolific-a", "shared-b"]
)


def items(actor: str, seed: int, handle: str, most: int, limit: str = "any") -> list[Any]:
    """Ask the local Apify's actor as the product asks, and give what it finds."""
    ask = Ask([IN + handle], most, limit, max_comments=0, max_reactions=0, today=ANCHOR.date())
    given_input = startable(actor).input_for(ask)
    kind = kind_of(actor)
    kind.check(given_input)
    made = make_plan(kind, Scene(seed, ANCHOR), given_input, {})
    return [item for part in made.parts for item in part.read(0, len(part))]


def posts(actor: str, *about: Any) -> list[Post]:
    """Give the posts that those items are read as."""
    read = [startable(actor).normalise(item) for item in items(actor, *about)]
    found = [post for post in read if isinstance(post, Post)]
    assert len(found) == len(read), read
    return found


def said(post: Post) -> dict[str, Any]:
    """Give what every actor tells of a post. A count of zero is what one of them leaves out."""
    reposter = post.extras.get("reposted_by", {})
    return {
        "key": post.post_key,
        "kind": post.kind,
        "text": post.text,
        "author": post.author.name,
        "at": post.posted_at,
        "precision": post.posted_precision,
        "likes": post.likes or 0,
        "comments": post.comments or 0,
        "reposts": post.reposts or 0,
        "reposted_by": reposter.get("name"),
        "reposted_at": post.extras.get("reposted_at"),
        "quoted": post.extras.get("quoted", {}).get("post_key"),
        "images": len(post.images),
    }


@settings(deadline=None, max_examples=60)
@given(handles, st.integers(1, 40), st.integers(0, 5))
def test_three_actors_are_read_as_the_same_posts(handle: str, most: int, seed: int) -> None:
    expected = posts(HARVESTAPI, seed, handle, most)
    for actor in STARTABLE:
        found = posts(actor, seed, handle, most)
        assert [said(post) for post in found] == [said(post) for post in expected]
        for post, mine in zip(found, expected, strict=True):
            assert {number for _, number in post.names} & {number for _, number in mine.names}
            assert post.author != Author()
            assert (post.kind is PostKind.REPOST) is ("reposted_by" in post.extras)
            assert post.form in (mine.form, PostForm.ARTICLE, PostForm.TEXT)
            kinds = [kind for kind, _ in post.names if kind in ("activity", "ugcPost", "share")]
            assert len(kinds) == len(set(kinds)) >= 1


@settings(deadline=None, max_examples=20)
@given(handles, st.sampled_from(["24h", "week", "month", "3months", "6months", "year"]))
def test_no_limit_of_age_leaves_out_what_harvestapi_would_bring(handle: str, limit: str) -> None:
    """The others go by days, or by no age at all: they bring as much or more."""
    wanted = {post.post_key for post in posts(HARVESTAPI, 1, handle, 100, limit)}
    for actor in STARTABLE:
        assert {post.post_key for post in posts(actor, 1, handle, 100, limit)} >= wanted
