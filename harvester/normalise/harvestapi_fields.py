"""Where harvestapi's items hold what a post is made of; flat names (`authorName`) come from older builds."""

from __future__ import annotations

from typing import Any

from harvester.normalise.values import (
    Field,
    count,
    given,
    image_urls,
    iso_time,
    linkedin_url,
    member_id,
    milliseconds,
    name,
    own_id,
    post_number,
    profile_link,
    slug,
)
from harvester.posts import Author, PostKind

NUMBER = Field(
    post_number, "id", "linkedinUrl", "socialContent.shareUrl", "shareLinkedinUrl", "shareUrn", "entityId"
)
OWN_ID = Field(own_id, "id")
URL = Field(linkedin_url, "linkedinUrl", "socialContent.shareUrl", "shareLinkedinUrl")
POSTED_MS = Field(milliseconds, "postedAt.timestamp", "postedAt")
POSTED_ISO = Field(iso_time, "postedAt.date", "postedAt")
REPOSTED_MS = Field(milliseconds, "repostedAt.timestamp", "repostedAt")
REPOSTED_ISO = Field(iso_time, "repostedAt.date", "repostedAt")
LIKES = Field(count, "engagement.likes")
COMMENTS = Field(count, "engagement.comments")
REPOSTS = Field(count, "engagement.shares")
IMAGES = Field(image_urls, "postImages", "postImage")
#: The profile of ours that the item was found under: exactly as it was given to the actor.
TARGET = Field(given, "query.targetUrl", "inputUrl")
#: Of a quote: the post that it quotes.
QUOTED_NUMBER = Field(post_number, "repostId")
#: The post that a comment or a reaction belongs to.
PARENT = Field(post_number, "postId", "query.post")


class Person:
    """Where one person (or company) stands in an item: as an object, flat, or as a mere text."""

    __slots__ = ("_company", "_id", "_link", "_name", "_slug")

    def __init__(self, key: str, flat: str) -> None:
        self._name = Field(name, f"{key}.name", f"{flat}Name", key)
        self._link = Field(profile_link, f"{key}.linkedinUrl", f"{flat}LinkedinUrl", key)
        self._slug = Field(slug, f"{key}.publicIdentifier", f"{flat}PublicIdentifier")
        self._company = Field(slug, f"{key}.universalName", f"{flat}UniversalName")
        self._id = Field(member_id, f"{key}.id")

    def urls(self, item: dict[str, Any]) -> tuple[str, ...]:
        """Every profile URL that the item tells of this person, the actor's own link first."""
        found: dict[str, None] = {}
        if link := self._link.of(item):
            found[link] = None
        for section, part in (("in", self._slug), ("company", self._company), ("in", self._id)):
            if value := part.of(item):
                found[f"https://www.linkedin.com/{section}/{value}"] = None
        return tuple(found)

    def author(self, item: dict[str, Any], urls: tuple[str, ...]) -> Author:
        """This person as an author; `urls` is what `urls()` found."""
        return Author(self._name.of(item), urls[0] if urls else None)


AUTHOR = Person("author", "author")
REPOSTER = Person("repostedBy", "repostedBy")


def post_key(item: dict[str, Any]) -> str | None:
    """What makes a post one post: its number or else the actor's own ID (never a media URL: those expire)."""
    return NUMBER.of(item) or OWN_ID.of(item)


def kind_of(item: dict[str, Any]) -> PostKind:
    """What a post is to the one in whose activity it was found.

    A repost is the original post's own item with `repostedBy` and `repostedAt` added; a quote is a post of
    its own that carries the other one in `repost`, or only its number in `repostId`.
    """
    if item.get("repostedBy") or item.get("repostedAt"):
        return PostKind.REPOST
    return PostKind.QUOTE if item.get("repost") or item.get("repostId") else PostKind.ORIGINAL
