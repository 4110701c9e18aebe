"""The items of apimaestro's actors: posts of a profile, posts of a company, and one post in detail.

A run takes one profile, and an item has no word of whose it was found under: the batch says that. Counts of
zero are left out of the items. No age can be asked for: posts come newest first, as many as were asked.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from harvester.errors import InvalidInput
from harvester.normalise.actor import Actor, Ask
from harvester.normalise.apimaestro_media import (
    article,
    document,
    edited,
    form_of,
    images,
    language,
    reactions,
    video,
)
from harvester.normalise.reposts import kind_of, telling_quotes, within
from harvester.normalise.table import Item, Moment, Person, Table, error_of, json_type, not_an_object, shown
from harvester.normalise.urns import any_name, urn_name
from harvester.normalise.values import (
    Field,
    count,
    given,
    linkedin_url,
    name,
    post_name,
    profile_link,
    slug,
    told_iso,
    told_ms,
)
from harvester.posts import Name, NameKind, NoPosts, Post, PostKind, Reject, RejectReason, TimePrecision

MOST_A_PAGE: Final = 100
_PROFILES: Final = "https://www.linkedin.com/in/"
_RESHARED: Final = "reshared_post"
#: Keys that only a post has: what is told apart by them from errors and remarks.
_POST_SHAPE: Final = frozenset(
    {"text", "posted_at", "post_type", "stats", "urn", "full_urn", "activity_urn", "post_url"}
)
_DETAIL_SHAPE: Final = frozenset({"text", "url", "urn", "id", "created_at"})
_LEAST_MS: Final = 10**11  # milliseconds: of a day in 1973
_LEAST_DIGITS: Final = 15  # of a post's number; today's have 19
_BESIDE_POST: Final = ("author", "media", "stats", "inputUrl")
_ZONE: Final = re.compile(r"(?:Z|[+-][0-9]{2}:?[0-9]{2})\s*\Z")


def _company(value: object) -> str | None:
    """Give the company of the input as a URL: it may have been named by that, or by what stands in it."""
    told = given(value)
    if told is None or "linkedin.com" in told.lower():
        return told
    known = slug(told.strip())
    return f"https://www.linkedin.com/company/{known}" if known is not None else None


def _company_link(value: object) -> str | None:
    """Give the link of a company without the page of its posts, which the actor sets behind it."""
    link = profile_link(value)
    return link.rstrip("/").removesuffix("/posts") if link is not None else None


def _told_ms_or_s(value: object) -> Moment | None:
    """Read a timestamp of which nobody says what it counts: no post is of 1970, so a small one is seconds."""
    if type(value) is int and 0 < value < _LEAST_MS:
        moment = told_ms(value * 1_000)
        return None if moment is None else (moment[0], TimePrecision.SECOND)
    return told_ms(value)


def _told_date(value: object) -> Moment | None:
    """Read a date without a zone, which is known to the day.

    In a published item of a December it was one hour ahead of the timestamp beside it, in one of a June two:
    the clocks of central Europe. The timestamp agreed with the time in LinkedIn's own number of the post.
    """
    told = told_iso(value)
    if told is None or not isinstance(value, str) or _ZONE.search(value):
        return told
    return told[0], TimePrecision.DAY


def _long_number(value: object) -> Name | None:
    """Give a bare number if it is as long as LinkedIn's are: a short one may be the actor's own count."""
    found = any_name(value)
    return found if found is not None and len(found[1]) >= _LEAST_DIGITS else None


def _kind(item: Item) -> PostKind:
    return kind_of(item, _RESHARED, item.get("post_type"))


_AUTHOR: Final = Person(
    names=(Field(name, "author.first_name"), Field(name, "author.last_name")),
    whole=Field(name, "author.name"),
    links=(Field(profile_link, "author.profile_url"), Field(_company_link, "author.company_url")),
    slugs=(("in", Field(slug, "author.username")),),
)

#: Items of linkedin-profile-posts and linkedin-company-posts. `urn` is a text in some of their outputs, and
#: an object of three numbers in others.
_OWN_POSTS: Final = Table(
    names=(
        Field(post_name(NameKind.ACTIVITY), "urn.activity_urn", "activity_urn"),
        Field(urn_name, "urn"),
        Field(urn_name, "url"),
        Field(urn_name, "post_url"),
        Field(urn_name, "full_urn"),
        Field(post_name(NameKind.UGC_POST), "urn.ugcPost_urn"),
        Field(post_name(NameKind.SHARE), "urn.share_urn"),
        Field(any_name, "urn"),
    ),
    url=Field(linkedin_url, "url", "post_url"),
    text=("text",),
    posted=(Field(told_ms, "posted_at.timestamp"), Field(_told_date, "posted_at.date")),
    ago=Field(name, "posted_at.relative"),
    author=_AUTHOR,
    target=Field(_company, "source_company", "inputUrl"),
    likes=Field(count, "stats.total_reactions"),
    comments=Field(count, "stats.comments"),
    reposts=Field(count, "stats.reposts", "stats.shares"),
    images=(Field(images, "media"),),
    kind=_kind,
    reposted=within(_RESHARED),
    form=form_of,
    extras={
        "article": ("article", article),
        "document": ("document", document),
        "media": ("video", video),
        "posted_at": ("edited", edited),
        "post_language_code": ("language", language),
        "stats": ("reactions", reactions),
    },
)

POSTS: Final = telling_quotes(_OWN_POSTS, _RESHARED)

#: One item of linkedin-post-detail, its `post` laid flat with `author`, `media` and `stats`.
DETAIL: Final = Table(
    names=(
        Field(urn_name, "urn"),
        Field(urn_name, "url"),
        Field(urn_name, "id"),
        Field(post_name(NameKind.ACTIVITY), "urn.activity_urn"),
        Field(post_name(NameKind.UGC_POST), "urn.ugcPost_urn"),
        Field(post_name(NameKind.SHARE), "urn.share_urn"),
        Field(any_name, "urn", "id"),
        Field(_long_number, "id"),
    ),
    url=POSTS.url,
    text=POSTS.text,
    posted=(Field(_told_ms_or_s, "created_at.timestamp"), Field(_told_date, "created_at.date")),
    ago=Field(name, "created_at.relative"),
    author=_AUTHOR,
    target=Field(given, "inputUrl"),
    likes=POSTS.likes,
    comments=POSTS.comments,
    reposts=POSTS.reposts,
    images=POSTS.images,
    form=form_of,
    extras={key: POSTS.extras[key] for key in ("article", "document", "media", "stats")},
)


def normalise(item: object) -> Post | Reject | NoPosts:
    """What an item of the posts of a profile or of a company is to us. Never raises."""
    if not isinstance(item, dict):
        return not_an_object(item)
    told = _remark(item, _POST_SHAPE, POSTS)
    return POSTS.post(item) if told is None else told


def normalise_detail(item: object) -> Post | Reject | NoPosts:
    """What an item of linkedin-post-detail is to us. Never raises."""
    if not isinstance(item, dict):
        return not_an_object(item)
    held = item.get("post")
    if not isinstance(held, dict):
        told = _remark(item, frozenset(), DETAIL)
        post = Reject(RejectReason.UNKNOWN_TYPE, f"its post is {json_type(held)}", DETAIL.target.of(item))
        return post if told is None or held is not None else told
    flat = {**held, **{key: item[key] for key in _BESIDE_POST if key in item}}
    told = _remark({**flat, "error": item.get("error")}, _DETAIL_SHAPE, DETAIL)
    return DETAIL.post(flat) if told is None else told


def _remark(item: Item, shape: frozenset[str], table: Table) -> Reject | NoPosts | None:
    """Read what is no post, if it is none: none of the keys that only a post has is in it."""
    target = table.target.of(item)
    error = item.get("error")
    if not shape.isdisjoint(item) and not (error and not table.names_of(item)):
        return None
    message = item.get("message")
    if isinstance(message, str) and message.strip().lower().startswith("no posts"):
        return NoPosts(target)
    if error or isinstance(message, str):
        return Reject(RejectReason.ERROR_ITEM, error_of(item), target)
    keys = shown(sorted(key for key in item if isinstance(key, str))[:8])
    return Reject(RejectReason.UNKNOWN_TYPE, f"not the shape of a post; its keys: {keys}"[:300], target)


def _asks(ask: Ask) -> dict[str, Any]:
    """Build the input of linkedin-profile-posts.

    `username` is always sent: without it the actor takes a profile of its own. It pages by itself up to
    `total_posts`. Raises `InvalidInput` (code `one_profile_a_run`) for more than one profile, and
    `not_a_member` for a company or a school.
    """
    if len(ask.target_urls) != 1:
        raise InvalidInput(
            "apimaestro/linkedin-profile-posts takes one profile a run.", code="one_profile_a_run"
        )
    (url,) = ask.target_urls
    if not url.startswith(_PROFILES):
        raise InvalidInput(
            f"apimaestro/linkedin-profile-posts takes profiles of members, not {shown(url)}.",
            code="not_a_member",
        )
    return {
        "username": unquote(url.removeprefix(_PROFILES)),
        "page_number": 1,
        "limit": min(ask.max_posts, MOST_A_PAGE),
        "total_posts": ask.max_posts,
    }


_INSTEAD: Final = "its past runs can be read in with harvester backfill"
PROFILE_POSTS: Final = Actor("apimaestro/linkedin-profile-posts", normalise, _asks, profiles_at_once=1)
COMPANY_POSTS: Final = Actor(
    "apimaestro/linkedin-company-posts", normalise, None, f"it takes companies, not profiles; {_INSTEAD}"
)
POST_DETAIL: Final = Actor(
    "apimaestro/linkedin-post-detail", normalise_detail, None, f"it takes posts, not profiles; {_INSTEAD}"
)
