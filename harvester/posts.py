"""What an item of a dataset becomes, as frozen types: a post, or why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class PostKind(StrEnum):
    """What a post is to the lead whose activity it was found in."""

    ORIGINAL = "original"
    REPOST = "repost"
    QUOTE = "quote"


class RejectReason(StrEnum):
    """Why an item became no post."""

    NOT_AN_OBJECT = "not_an_object"
    ERROR_ITEM = "error_item"
    UNKNOWN_TYPE = "unknown_type"
    NO_ID = "no_id"
    UNATTRIBUTABLE = "unattributable"
    DAMAGED = "damaged"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a post, as far as the actor tells."""

    name: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """One item, normalised. Counts are None when the actor did not give them: absent is not zero."""

    post_key: str
    kind: PostKind
    url: str | None
    text: str
    text_truncated: bool
    posted_at: datetime | None
    author: Author
    likes: int | None
    comments: int | None
    reposts: int | None
    images: tuple[str, ...]
    #: The profile URL of our input that the actor says it found this under, as given to it.
    target_url: str | None
    #: Profile URLs (canonical or not) of the person in whose activity this appeared, best first.
    found_under: tuple[str, ...]
    #: What else the item holds that people ask for: article, document, video, quoted post, mentions.
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """One item that became no post, with its reason and what is known of the lead it belongs to."""

    reason: RejectReason
    detail: str
    target_url: str | None = None


@dataclass(frozen=True, slots=True)
class NoPosts:
    """The actor's own word that a target has no posts. Neither a post nor a reject."""

    target_url: str | None


@dataclass(frozen=True, slots=True)
class Companion:
    """A comment or a reaction that came with a post. Understood, and not a post."""

    kind: str
    post_key: str | None
