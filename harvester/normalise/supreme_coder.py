"""The items of supreme_coder/linkedin-post, and the table that curious_coder's are read by as well.

What could not be scraped comes as an item with `error` and `inputUrl`, in an actor run that has SUCCEEDED.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from harvester.normalise.actor import Actor, Ask
from harvester.normalise.reposts import kind_of, telling_quotes, within
from harvester.normalise.supreme_coder_extras import article, form_of, mentions
from harvester.normalise.table import Item, Person, Table, error_of, not_an_object, shown
from harvester.normalise.urns import urn_name, urn_or_bare
from harvester.normalise.values import (
    Field,
    count,
    given,
    image_urls,
    linkedin_url,
    member_id,
    name,
    profile_link,
    slug,
    told_iso,
    told_ms,
)
from harvester.posts import NoPosts, Post, PostKind, Reject, RejectReason

_RESHARED: Final = "resharedPost"
#: Keys that only a post has: what is told apart by them from errors.
_POST_SHAPE: Final = frozenset(
    {"text", "urn", "shareUrn", "postedAtTimestamp", "postedAtISO", "timeSincePosted"}
)
#: How many days each limit reaches back, rounded up: `scrapeUntil` is a day, and that day is still scraped.
_DAYS: Final = {"1h": 1, "24h": 1, "week": 7, "month": 31, "3months": 92, "6months": 184, "year": 366}


@dataclass(frozen=True, slots=True)
class _Writer(Person):
    """The author of an item, who may be a company: then its ID is none of a member."""

    def urls(self, item: Item) -> tuple[str, ...]:
        """Give every profile URL that the item tells of its author."""
        kind = item.get("authorType")
        if not isinstance(kind, str) or kind.strip().lower() != "company":
            return Person.urls(self, item)
        return _COMPANY.urls(item)


_AUTHOR_LINK: Final = Field(profile_link, "authorProfileUrl")
_COMPANY: Final = Person(
    names=(),
    links=(_AUTHOR_LINK,),
    slugs=(("company", Field(slug, "author.universalName", "authorProfileId")),),
)
AUTHOR: Final = _Writer(
    names=(Field(name, "author.firstName"), Field(name, "author.lastName")),
    whole=Field(name, "authorName", "authorFullName", "author.name"),
    links=(_AUTHOR_LINK,),
    slugs=(
        ("in", Field(slug, "author.publicId")),
        ("in", Field(slug, "authorProfileId")),
        ("in", Field(member_id, "author.profileId")),
    ),
)


def _kind(item: Item) -> PostKind:
    return kind_of(item, _RESHARED, "repost" if item.get("isRepost") is True else None)


_OWN_POSTS: Final = Table(
    names=(
        Field(urn_or_bare, "urn"),
        Field(urn_or_bare, "url"),
        Field(urn_name, "shareUrn"),
    ),
    url=Field(linkedin_url, "url"),
    text=("text",),
    posted=(Field(told_ms, "postedAtTimestamp"), Field(told_iso, "postedAtISO")),
    ago=Field(name, "timeSincePosted"),
    author=AUTHOR,
    target=Field(given, "inputUrl"),
    likes=Field(count, "numLikes"),
    comments=Field(count, "numComments"),
    reposts=Field(count, "numShares"),
    images=(Field(image_urls, "images"), Field(image_urls, "image")),
    kind=_kind,
    reposted=within(_RESHARED),
    form=form_of,
    extras={
        "article": ("article", article),
        "attributes": ("mentions", mentions),
        "title": ("title", Field(name, "title").of),
    },
)
TABLE: Final = telling_quotes(_OWN_POSTS, _RESHARED)


def normalise(item: object) -> Post | Reject | NoPosts:
    """What an item is to us. Never raises: a damaged item is a `Reject` with its reason."""
    return read_by(TABLE, item)


def read_by(table: Table, item: object) -> Post | Reject | NoPosts:
    """Read an item of this maker's actors by an actor's table. Never raises."""
    if not isinstance(item, dict):
        return not_an_object(item)
    target = table.target.of(item)
    error = item.get("error")
    if error and (_POST_SHAPE.isdisjoint(item) or not table.names_of(item)):
        return Reject(RejectReason.ERROR_ITEM, error_of(item), target)
    if not _POST_SHAPE.isdisjoint(item):
        return table.post(item)
    message = item.get("message")
    if isinstance(message, str):
        if message.strip().lower().startswith("no posts"):
            return NoPosts(target)
        return Reject(RejectReason.ERROR_ITEM, error_of(item), target)
    keys = shown(sorted(key for key in item if isinstance(key, str))[:8])
    return Reject(RejectReason.UNKNOWN_TYPE, f"not the shape of a post; its keys: {keys}"[:300], target)


def _asks(ask: Ask) -> dict[str, Any]:
    """Build the input.

    `deepScrape` stays on, as it is by default: without it items of this maker's actors come without counts.
    """
    asked: dict[str, Any] = {
        "urls": list(ask.target_urls),
        "limitPerSource": ask.max_posts,
        "deepScrape": True,
        "rawData": False,
    }
    if (days := _DAYS.get(ask.posted_limit)) is not None:
        asked["scrapeUntil"] = (ask.today - timedelta(days=days)).isoformat()
    return asked


POSTS: Final = Actor("supreme_coder/linkedin-post", normalise, _asks)
