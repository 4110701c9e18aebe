"""One true post, told by every actor in its own shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from harvester.posts import NameKind, TimePrecision

Item = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
_COUNT = st.none() | st.integers(0, 2**40)


@dataclass(frozen=True)
class TruePost:
    """What LinkedIn knows of a post. `thread` is the kind of its second number."""

    activity: str
    thread: NameKind
    number: str
    text: str
    first: str
    last: str
    handle: str
    milliseconds: int
    likes: int | None
    comments: int | None
    reposts: int | None

    @property
    def moment(self) -> datetime:
        return _EPOCH + timedelta(milliseconds=self.milliseconds)

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def profile(self) -> str:
        return f"https://www.linkedin.com/in/{self.handle}"

    @property
    def url(self) -> str:
        return f"https://www.linkedin.com/posts/{self.handle}_a-activity-2024-x-activity-{self.activity}-_gfJ"

    @property
    def activity_urn(self) -> str:
        return f"urn:li:activity:{self.activity}"

    @property
    def thread_urn(self) -> str:
        return f"urn:li:{self.thread}:{self.number}"


#: Texts that both databases store as they are; what they cannot store has tests of its own.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
TRUE_POSTS = st.builds(
    TruePost,
    activity=st.integers(7 * 10**18, 8 * 10**18).map(str),
    thread=st.sampled_from([NameKind.UGC_POST, NameKind.SHARE]),
    number=st.integers(6 * 10**18, 7 * 10**18 - 1).map(str),
    text=TEXTS,
    first=_WORD,
    last=_WORD,
    handle=_WORD,
    milliseconds=st.integers(10**12, 2 * 10**12),
    likes=_COUNT,
    comments=_COUNT,
    reposts=_COUNT,
)


@dataclass(frozen=True)
class Told:
    """How exactly a time is told, and as what `posted_at`, `postedAt`, `created_at` or flat keys hold."""

    precision: TimePrecision
    stamp: bool
    date: bool


TOLD = st.sampled_from(
    [
        Told(TimePrecision.MILLISECOND, stamp=True, date=True),
        Told(TimePrecision.MILLISECOND, stamp=True, date=False),
        Told(TimePrecision.SECOND, stamp=False, date=True),
        Told(TimePrecision.RELATIVE, stamp=False, date=False),
    ]
)


def _time(true: TruePost, told: Told, *, ago: str, zoned: bool) -> Item:
    """Tell a time as an object; without its zone it is the clock of central Europe."""
    local = true.moment if zoned else true.moment.astimezone(ZoneInfo("Europe/Berlin"))
    date = local.strftime("%Y-%m-%dT%H:%M:%SZ" if zoned else "%Y-%m-%d %H:%M:%S")
    found: Item = {ago: "2mo"}
    return (
        found
        | ({"timestamp": true.milliseconds} if told.stamp else {})
        | ({"date": date} if told.date else {})
    )


def _present(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def harvestapi(true: TruePost, told: Told) -> Item:
    """Shape 1."""
    return {
        "type": "post",
        "id": true.activity,
        "linkedinUrl": true.url,
        "content": true.text,
        "shareUrn": true.thread_urn,
        "author": {"publicIdentifier": true.handle, "name": true.name, "linkedinUrl": f"{true.profile}?x=1"},
        "postedAt": _time(true, told, ago="postedAgoShort", zoned=True),
        "engagement": _present(likes=true.likes, comments=true.comments, shares=true.reposts),
    }


def _apimaestro(true: TruePost, told: Told) -> Item:
    return {
        "full_urn": true.thread_urn,
        "posted_at": _time(true, told, ago="relative", zoned=False),
        "text": true.text,
        "url": true.url,
        "post_type": "regular",
        "author": {"first_name": true.first, "last_name": true.last, "username": true.handle},
        "stats": _present(total_reactions=true.likes, comments=true.comments, reposts=true.reposts),
    }


def apimaestro_text(true: TruePost, told: Told) -> Item:
    """Shape 4 with its URN as a text."""
    return _apimaestro(true, told) | {"urn": true.activity_urn}


def apimaestro_object(true: TruePost, told: Told) -> Item:
    """Shape 4 with its URN as an object."""
    urns = {"activity_urn": true.activity, "share_urn": None, "ugcPost_urn": None}
    return _apimaestro(true, told) | {"urn": urns | {f"{true.thread}_urn": true.number}, "full_urn": None}


def apimaestro_company(true: TruePost, told: Told) -> Item:
    """Shape 5; its author, who may be anybody here, has one name."""
    item = _apimaestro(true, told) | {"activity_urn": true.activity, "post_url": true.url}
    del item["url"]
    return item | {"author": {"name": true.name, "company_url": f"{true.profile}/posts"}}


def apimaestro_detail(true: TruePost, told: Told) -> Item:
    """Shape 6."""
    held = {"id": true.activity, "url": true.url, "text": true.text, "urn": true.thread_urn}
    return {
        "post": held | {"created_at": _time(true, told, ago="relative", zoned=False)},
        "author": {"name": true.name, "profile_url": true.profile},
        "stats": _present(total_reactions=true.likes, comments=true.comments, shares=true.reposts),
    }


def supreme_coder(true: TruePost, told: Told) -> Item:
    """Shape 7."""
    return _flat(true, told) | {
        "type": "text",
        "shareUrn": true.thread_urn,
        "author": {"firstName": true.first, "lastName": true.last, "publicId": true.handle},
    }


def curious_coder(true: TruePost, told: Told) -> Item:
    """Shape 8, of a deep scrape."""
    return _flat(true, told) | {"authorType": "Person", "authorFullName": true.name}


def _flat(true: TruePost, told: Told) -> Item:
    time = _time(true, told, ago="timeSincePosted", zoned=True)
    names = {"timestamp": "postedAtTimestamp", "date": "postedAtISO", "timeSincePosted": "timeSincePosted"}
    return {
        "urn": true.activity_urn,
        "url": true.url,
        "text": true.text,
        "authorProfileUrl": true.profile,
        **{names[key]: value for key, value in time.items()},
        **_present(numLikes=true.likes, numComments=true.comments, numShares=true.reposts),
    }


Shape = Callable[[TruePost, Told], Item]
#: Every shape, by the actor that brings it; and which of them tell a time without its zone.
SHAPES: list[tuple[str, Shape]] = [
    ("harvestapi/linkedin-profile-posts", harvestapi),
    ("apimaestro/linkedin-profile-posts", apimaestro_text),
    ("apimaestro/linkedin-profile-posts", apimaestro_object),
    ("apimaestro/linkedin-company-posts", apimaestro_company),
    ("apimaestro/linkedin-post-detail", apimaestro_detail),
    ("supreme_coder/linkedin-post", supreme_coder),
    ("curious_coder/linkedin-post-search-scraper", curious_coder),
]


def reposted(actor_id: str, inner: Item, true: TruePost, told: Told) -> Item | None:
    """Lay a post into a repost of it by the person of `true`; None where the actor has no way to."""
    if actor_id.startswith("harvestapi"):
        by = {"publicIdentifier": true.handle, "name": true.name, "linkedinUrl": true.profile}
        return inner | {
            "repostId": true.activity,
            "repostedBy": by,
            "repostedAt": {"timestamp": true.milliseconds},
        }
    if actor_id == "apimaestro/linkedin-profile-posts":
        return apimaestro_text(true, told) | {"post_type": "repost", "text": "", "reshared_post": inner}
    if actor_id.startswith("supreme_coder"):
        return supreme_coder(true, told) | {"isRepost": True, "text": None, "resharedPost": inner}
    return None
