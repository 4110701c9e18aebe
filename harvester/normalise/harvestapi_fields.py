"""Where harvestapi's items hold what a post is made of; flat names (`authorName`) come from older builds."""

from __future__ import annotations

from typing import Any

from harvester.normalise.person import Person
from harvester.normalise.table import Table
from harvester.normalise.values import (
    Field,
    count,
    given,
    image_urls,
    linkedin_url,
    member_id,
    name,
    own_name,
    post_name,
    post_number,
    profile_link,
    said_name,
    slug,
    told_iso,
    told_ms,
)
from harvester.posts import Name, NameKind, PostKind

_LONGEST_TAIL = 15  # characters behind the number in the URL of a post: no other number fits in
#: The actor's bare `id` of a post counts an activity. What `entityId` counts is known where it says so.
NAMES = (
    Field(post_name(NameKind.ACTIVITY), "id"),
    Field(post_name(NameKind.ACTIVITY), "linkedinUrl"),
    Field(post_name(NameKind.ACTIVITY), "socialContent.shareUrl"),
    Field(post_name(NameKind.SHARE), "shareLinkedinUrl"),
    Field(post_name(NameKind.SHARE), "shareUrn"),
    Field(post_name(NameKind.OWN), "entityId"),
)
URL = Field(linkedin_url, "linkedinUrl", "socialContent.shareUrl", "shareLinkedinUrl")
POSTED = (Field(told_ms, "postedAt.timestamp", "postedAt"), Field(told_iso, "postedAt.date", "postedAt"))
REPOSTED = (
    Field(told_ms, "repostedAt.timestamp", "repostedAt"),
    Field(told_iso, "repostedAt.date", "repostedAt"),
)
AGO = Field(name, "postedAt.postedAgoShort", "postedAt.postedAgoText", "postedAgo")
LIKES = Field(count, "engagement.likes")
COMMENTS = Field(count, "engagement.comments")
REPOSTS = Field(count, "engagement.shares")
IMAGES = Field(image_urls, "postImages", "postImage")
#: The profile of ours that the item was found under: exactly as it was given to the actor.
TARGET = Field(given, "query.targetUrl", "inputUrl")
#: Of a quote: the number of the post that it quotes; of a repost: its own.
OTHER_NUMBER = Field(post_number, "repostId")


def _person(key: str, flat: str) -> Person:
    """Tell where one person (or company) stands in an item: as an object, flat, or as a mere text."""
    return Person(
        names=(Field(name, f"{key}.name", f"{flat}Name", key),),
        links=(Field(profile_link, f"{key}.linkedinUrl", f"{flat}LinkedinUrl", key),),
        slugs=(
            ("in", Field(slug, f"{key}.publicIdentifier", f"{flat}PublicIdentifier")),
            ("company", Field(slug, f"{key}.universalName", f"{flat}UniversalName")),
            ("in", Field(member_id, f"{key}.id", f"{key}.urn")),
        ),
    )


AUTHOR = _person("author", "author")
REPOSTER = _person("repostedBy", "repostedBy")


def kind_of(item: dict[str, Any]) -> PostKind:
    """What a post is to the one in whose activity it was found.

    A repost is the original post's own item with `repostedBy` and `repostedAt` added; a quote is a post of
    its own that carries the other one in `repost`, or only its number in `repostId`.
    """
    if item.get("repostedBy") or item.get("repostedAt"):
        return PostKind.REPOST
    return PostKind.QUOTE if item.get("repost") or item.get("repostId") else PostKind.ORIGINAL


def more_names(item: dict[str, Any], names: tuple[Name, ...]) -> tuple[Name, ...]:
    """Give what else proves to name a post: a repost's number, the actor's own ID, what was said to it."""
    found: list[Name] = []
    told = item.get("id")
    if not names or not isinstance(told, int | str | None):
        own = own_name(told)
        return (own,) if own is not None else ()
    if isinstance(told, str) and not told.isdigit() and said_name(told) is None and (own := own_name(told)):
        found.append(own)
    if item.get("repostId") and (repost := _repost_name(item, names[0])) is not None:
        found.append(repost)
    if item.get("comments") or item.get("reactions"):
        found.extend(_named_by_companions(item, names))
    return tuple(found)


def _is_named_alike(item: dict[str, Any]) -> bool:
    """Say whether an item's ID and URLs name one activity, and nothing else names it, as in most items."""
    number, url = item.get("id"), item.get("linkedinUrl")
    if type(number) is not str or not 15 < len(number) < 26 or not number.isdecimal() or number[0] == "0":
        return False
    if item.get("shareLinkedinUrl") or item.get("shareUrn") or item.get("entityId"):
        return False
    if type(url) is not str or not number.isascii() or not _names_only(url, number):
        return False
    social = item.get("socialContent")
    share = social.get("shareUrl") if type(social) is dict else None
    return share is None or (type(share) is str and _names_only(share.partition("?")[0], number))


def _names_only(url: str, number: str) -> bool:
    """Say whether a URL without a query ends with that activity, so that no other number comes after it."""
    before, found, tail = url.rpartition(f"-activity-{number}-")
    return bool(found) and len(tail) < _LONGEST_TAIL and "?" not in before


class PostTable(Table):
    """A table that does not look for numbers in the URLs of an ordinary item: that takes long."""

    __slots__ = ()

    def names_of(self, item: dict[str, Any]) -> tuple[Name, ...]:
        """Give every name that the item tells of its post, each number once."""
        if not _is_named_alike(item):
            return Table.names_of(self, item)
        names = ((NameKind.ACTIVITY, item["id"]),)
        return names + self.more_names(item, names)


def _repost_name(item: dict[str, Any], post: Name) -> Name | None:
    """Give the number of the repost, where `repostId` is that, and not the number of a post that is quoted.

    LinkedIn's numbers grow with time: a repost's is greater than its post's, a quoted post's is less.
    """
    number = OTHER_NUMBER.of(item)
    if number is None or not post[1].isdigit() or kind_of(item) is not PostKind.REPOST:
        return None
    return (NameKind.REPOST, number) if int(number) > int(post[1]) else None


def _named_by_companions(item: dict[str, Any], names: tuple[Name, ...]) -> list[Name]:
    """Give the ugcPost's or share's number that a comment's URL or a reaction's ID has for this post.

    They carry it beside `postId`, which is the activity's.
    """
    kinds = {kind for kind, _ in names}
    numbers = {number for _, number in names}
    for place, key in (("comments", "linkedinUrl"), ("reactions", "id")):
        held = item.get(place)
        one = held[0] if isinstance(held, list) and held else None
        if isinstance(one, dict) and post_number(one.get("postId")) in numbers:
            told = said_name(one.get(key))
            if told and told[0] in {NameKind.UGC_POST, NameKind.SHARE} - kinds and told[1] not in numbers:
                return [told]
    return []
