"""What an item of a dataset becomes, as frozen types: a post, what somebody said to one, or why neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")


class PostKind(StrEnum):
    """What a post is to the lead whose activity it was found in. A quote is a repost with a comment."""

    ORIGINAL = "original"
    REPOST = "repost"
    QUOTE = "quote"


class PostForm(StrEnum):
    """What a post shows beside its text; the first that fits, in this order."""

    POLL = "poll"
    EVENT = "event"
    NEWSLETTER = "newsletter"
    ARTICLE = "article"
    DOCUMENT = "document"
    VIDEO = "video"
    IMAGES = "images"
    TEXT = "text"


class TimePrecision(StrEnum):
    """How exactly an actor tells when a post was made. `relative` (2mo) is no time: it goes without one."""

    MILLISECOND = "millisecond"
    SECOND = "second"
    DAY = "day"
    RELATIVE = "relative"


class NameKind(StrEnum):
    """As what a number names a post: LinkedIn gives one post an activity's and a ugcPost's or a share's.

    A post has one of each at the most. `repost`: somebody's repost of it, of which there may be many; `own`:
    an actor's own ID, or a number of which nobody says what it counts.
    """

    ACTIVITY = "activity"
    UGC_POST = "ugcPost"
    SHARE = "share"
    REPOST = "repost"
    OWN = "own"


#: A number (or an actor's own ID) by which a post is known, and as what.
Name = tuple[NameKind, str]


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


class CompanionKind(StrEnum):
    """What comes with a post."""

    COMMENT = "comment"
    REACTION = "reaction"


@dataclass(frozen=True, slots=True)
class Companion:
    """A comment or a reaction: stored with its post, and never counted as one.

    `post_key` is any number that its post is known by. `key` is what makes it one: LinkedIn's own ID, else a
    digest of what it says. `item` is the raw item, if it lay within a post's.
    """

    kind: CompanionKind
    post_key: str | None
    key: str
    author: Author = Author()
    headline: str | None = None
    text: str = ""
    text_truncated: bool = False
    reaction: str | None = None
    created_at: datetime | None = None
    likes: int | None = None
    url: str | None = None
    item: object = None


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def _checked_alone(kind: type[T]) -> type[T]:
    """Make a dataclass that is frozen for who checks types: at run time, that would cost 1.7 µs an item."""
    return dataclass(slots=True)(kind)


@_checked_alone
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
    form: PostForm = PostForm.TEXT
    #: How exactly `posted_at` was told; None where nothing was.
    posted_precision: TimePrecision | None = None
    #: Every name of the post that the item tells, `post_key`'s first. Empty: only that, of unknown kind.
    names: tuple[Name, ...] = ()
    #: Comments and reactions that lay within the item.
    companions: tuple[Companion, ...] = ()


#: Most comments and reactions that are taken out of one post's item.
MOST_WITHIN: Final = 1_000


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
