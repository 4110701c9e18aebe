"""What apimaestro's items become, by example and field by field; and how its actor is asked."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime
from typing import Any

import pytest
from actor_examples import as_json, become, expected, load, names, post_of

from harvester.errors import InvalidInput
from harvester.normalise import ACTORS, Ask
from harvester.posts import NameKind, Post, PostForm, PostKind, TimePrecision

FOLDER = "apimaestro"
ACTOR = ACTORS["apimaestro/linkedin-profile-posts"]
DETAIL = ACTORS["apimaestro/linkedin-post-detail"]
ANN = "https://www.linkedin.com/in/ann"


def changed(name: str, **changes: Any) -> Post:
    """Read an example with other values."""
    outcome = ACTOR.normalise({**load(FOLDER, name), **changes})
    assert isinstance(outcome, Post)
    return outcome


def ask(*urls: str, most: int = 5) -> Ask:
    return Ask(urls, most, "month", 2, 3, date(2026, 3, 1))


@pytest.mark.parametrize("name", names(FOLDER))
def test_every_example_becomes_what_lies_beside_it(name: str) -> None:
    assert as_json(become(FOLDER, name)) == expected(FOLDER, name)


def test_one_post_has_one_key_whatever_its_urn_is() -> None:
    posts = [post_of(FOLDER, name) for name in ("object_urn", "bare_urn", "urn_as_text", "detail")]
    assert {post.post_key for post in posts} == {"7401000000000000610"}
    assert {post.names[0][0] for post in posts} == {NameKind.ACTIVITY}


def test_a_bare_number_that_nothing_explains_is_of_no_kind() -> None:
    lonely = {"full_urn": None, "url": None}
    assert changed("bare_urn", **lonely).names == ((NameKind.OWN, "7401000000000000610"),)
    bare = {"activity_urn": 7401000000000000610, "share_urn": "5" * 19, "ugcPost_urn": "6" * 19}
    told = changed("bare_urn", urn=bare, **lonely).names
    assert told == (
        (NameKind.ACTIVITY, "7401000000000000610"),
        (NameKind.UGC_POST, "6" * 19),
        (NameKind.SHARE, "5" * 19),
    )


@pytest.mark.parametrize(
    ("told", "moment", "precision"),
    [
        ("2025-11-24 17:00:00", datetime(2025, 11, 24, 17, tzinfo=UTC), TimePrecision.DAY),
        ("2025-11-24T17:00:00Z", datetime(2025, 11, 24, 17, tzinfo=UTC), TimePrecision.SECOND),
        ("2025-11-24 17:00:00+01:00", datetime(2025, 11, 24, 16, tzinfo=UTC), TimePrecision.SECOND),
        ("2025-11-24", datetime(2025, 11, 24, tzinfo=UTC), TimePrecision.DAY),
        ("yesterday", None, TimePrecision.RELATIVE),
    ],
)
def test_a_date_is_as_exact_as_its_zone(told: str, moment: datetime | None, precision: TimePrecision) -> None:
    post = changed("object_urn", posted_at={"date": told, "relative": "3d"})
    assert (post.posted_at, post.posted_precision) == (moment, precision)
    assert post.extras.get("posted_ago") == ("3d" if moment is None else None)


def test_counts_that_are_left_out_are_not_zero() -> None:
    post = changed("object_urn", stats={"total_reactions": 3, "like": 3, "comments": 0})
    assert (post.likes, post.comments, post.reposts) == (3, 0, None)
    assert post.extras["reactions"] == {"LIKE": 3}


@pytest.mark.parametrize(
    ("changes", "kind", "key"),
    [
        ({"post_type": "quote"}, PostKind.QUOTE, "7401000000000000618"),
        ({"post_type": "repost"}, PostKind.QUOTE, "7401000000000000618"),
        ({"post_type": None}, PostKind.QUOTE, "7401000000000000618"),
        ({"post_type": "repost", "text": " "}, PostKind.REPOST, "7390000000000000777"),
        ({"post_type": None, "text": None}, PostKind.REPOST, "7390000000000000777"),
        ({"post_type": "repost", "reshared_post": None}, PostKind.REPOST, "7401000000000000618"),
        ({"post_type": "regular", "reshared_post": {}}, PostKind.ORIGINAL, "7401000000000000618"),
    ],
)
def test_a_repost_with_words_of_its_own_is_a_quote(changes: dict[str, Any], kind: PostKind, key: str) -> None:
    post = changed("quote", **changes)
    assert (post.kind, post.post_key) == (kind, key)
    assert ("quoted" in post.extras) == (kind is PostKind.QUOTE)


def test_a_repost_of_what_is_gone_is_known_by_its_own_number() -> None:
    gone = changed("repost", reshared_post={"text": "This post is gone", "author": None})
    assert gone.names == ((NameKind.REPOST, "7401000000000000619"),)
    assert gone.found_under == ("https://www.linkedin.com/in/odalys-brumfeld",)
    assert gone.author.url is None


@pytest.mark.parametrize(
    ("media", "form", "images"),
    [
        ([{"type": "image", "url": f"https://a.example/{number}"} for number in "12"], "images", 2),
        ({"type": "video", "url": "https://a.example/1"}, "video", 0),
        ({"type": "poll"}, "poll", 0),
        ({"type": "event", "url": "https://a.example/1"}, "event", 0),
        ({"url": "https://a.example/1"}, "images", 1),
        ({"type": "image", "images": [], "items": [], "url": "https://a.example/1"}, "images", 1),
        ({"type": ["image"], "url": "javascript:x"}, "text", 0),
        ("https://a.example/1", "text", 0),
    ],
)  # fmt: skip
def test_media_show_what_they_say(media: object, form: str, images: int) -> None:
    post = changed("object_urn", media=media)
    assert (post.form, len(post.images)) == (PostForm(form), images)


def test_an_article_stays_one_though_its_cover_is_an_image() -> None:
    cover = {"type": "image", "url": "https://media.licdn.com/dms/image/v2/D4E616/cover"}
    assert changed("article", media=cover).form is PostForm.ARTICLE


def test_more_than_a_page_is_asked_for_as_a_sum() -> None:
    assert ACTOR.input_for(ask(f"{ANN}-m%C3%BCller", most=250)) == {
        "username": "ann-müller",
        "page_number": 1,
        "limit": 100,
        "total_posts": 250,
    }
    assert ACTOR.input_for(ask(ANN))["limit"] == ACTOR.input_for(ask(ANN))["total_posts"] == 5
    assert ACTOR.profiles_at_once == 1
    assert not ACTOR.brings_companions


@pytest.mark.parametrize(
    ("urls", "code"),
    [
        ((), "one_profile_a_run"),
        ((ANN, ANN), "one_profile_a_run"),
        (("https://www.linkedin.com/company/vell",), "not_a_member"),
    ],
)
def test_nobody_else_is_asked_for(urls: tuple[str, ...], code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ACTOR.input_for(ask(*urls))
    assert refusal.value.code == code


@pytest.mark.parametrize("known", ["apimaestro/linkedin-company-posts", "apimaestro/linkedin-post-detail"])
def test_those_that_take_no_profiles_are_only_read(known: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        ACTORS[known].input_for(ask(ANN))
    assert refusal.value.code == "actor_not_startable"
    assert "harvester backfill" in str(refusal.value)


def test_the_post_in_detail_is_not_changed_by_being_read() -> None:
    item = load(FOLDER, "detail")
    before = copy.deepcopy(item)
    ACTORS["apimaestro/linkedin-post-detail"].normalise(item)
    assert item == before


def test_the_thumbnail_of_a_document_is_its_cover() -> None:
    document = {
        "title": "T",
        "page_count": 3,
        "url": "https://d.example/d",
        "thumbnail": "https://d.example/t",
    }
    told = {"title": "T", "pages": 3, "url": "https://d.example/d", "cover": "https://d.example/t"}
    assert changed("bare_urn", document=document).extras["document"] == told


def test_a_post_in_detail_is_known_by_its_id_too() -> None:
    """A URN that counts the ugcPost stands beside an ID that does not: other actors know it by that."""
    item = load(FOLDER, "detail")
    post = {**item["post"], "url": None, "urn": "urn:li:ugcPost:7401000000000000611"}
    told = DETAIL.normalise({**item, "post": {**post, "id": "7401000000000000610"}})
    assert isinstance(told, Post)
    assert told.names == ((NameKind.UGC_POST, "7401000000000000611"), (NameKind.OWN, "7401000000000000610"))
    counted = DETAIL.normalise({**item, "post": {**post, "id": "610"}})
    assert isinstance(counted, Post)
    assert counted.names == ((NameKind.UGC_POST, "7401000000000000611"),)


def test_an_error_beside_a_post_that_has_its_id_alone_is_no_error_item() -> None:
    item = {"post": {"id": "7401000000000000610", "text": "words"}, "error": "no reactions were found"}
    assert isinstance(DETAIL.normalise(item), Post)


@pytest.mark.parametrize(
    ("stamp", "moment", "precision"),
    [
        (
            1_764_952_408_517,
            datetime(2025, 12, 5, 16, 33, 28, 517_000, tzinfo=UTC),
            TimePrecision.MILLISECOND,
        ),
        (1_764_952_408, datetime(2025, 12, 5, 16, 33, 28, tzinfo=UTC), TimePrecision.SECOND),
    ],
)
def test_a_post_in_detail_is_of_no_day_in_1970(
    stamp: int, moment: datetime, precision: TimePrecision
) -> None:
    item = load(FOLDER, "detail")
    post = DETAIL.normalise({**item, "post": {**item["post"], "created_at": {"timestamp": stamp}}})
    assert isinstance(post, Post)
    assert (post.posted_at, post.posted_precision) == (moment, precision)
