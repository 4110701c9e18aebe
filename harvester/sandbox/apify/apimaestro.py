"""apimaestro/linkedin-profile-posts: one profile a run, by its name or its URL."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from harvester.sandbox.apify.kind import Asked, Kind, is_count, need, need_counts
from harvester.sandbox.apify.people import Scene, Target, read_target, thread_of
from harvester.sandbox.apify.pricing import START, Tariff
from harvester.sandbox.apify.retold import Person, Retold, retold

_MOST_A_PAGE = 100
_ZONE = ZoneInfo("Europe/Berlin")
_WORDS = {
    "LIKE": "like", "APPRECIATION": "support", "EMPATHY": "love", "INTEREST": "insight",
    "PRAISE": "celebrate", "ENTERTAINMENT": "funny",
}  # fmt: skip
_NONSENSE: tuple[Any, ...] = (
    None,
    ["urn"],
    {"urn": {"activity_urn": 7.5, "share_urn": [], "ugcPost_urn": None}, "text": ["no", "text"]},
    {"text": "a post without a URN", "post_type": "regular", "posted_at": "yesterday"},
    {"profile": {"headline": "no post at all"}},
)


def _check(given: Mapping[str, Any]) -> None:
    need("username" in given, "Field input.username is required")
    name = given["username"]
    need(isinstance(name, str) and bool(name.strip()), "Field input.username must be a non-empty string.")
    need_counts(given, 1, "page_number", "total_posts")
    few = is_count(given.get("limit"), 1, _MOST_A_PAGE)
    need(few, f"Field input.limit must be an integer from 1 to {_MOST_A_PAGE}.")


def _asks(_: Scene, given: Mapping[str, Any]) -> Asked:
    """`total_posts` are as many as that from the page on, over as many pages as they need."""
    name = given["username"].strip()
    url = name if "/" in name else f"https://www.linkedin.com/in/{name}"
    a_page = given.get("limit") or _MOST_A_PAGE
    skip = ((given.get("page_number") or 1) - 1) * a_page
    return Asked([read_target(url)], most=given.get("total_posts") or a_page, skip=skip)


def _urls(given: Mapping[str, Any]) -> tuple[str, ...]:
    return (given["username"],)


def _post(scene: Scene, target: Target, number: int, post: dict[str, Any]) -> dict[str, Any]:
    as_object, token = _output(scene, target.handle)
    return _item(retold(scene, target, number, post), as_object=as_object) | {"pagination_token": token}


@lru_cache(maxsize=4096)
def _output(scene: Scene, handle: str) -> tuple[bool, str]:
    """Some outputs have the URN as an object of three and some as a string; each has a token of its own."""
    chance = scene.chance("output", handle)
    return chance.random() < 0.5, f"dXJu{chance.getrandbits(64):016x}"


def _item(post: Retold, *, as_object: bool) -> dict[str, Any]:
    thread = thread_of(post.number)
    shown = post.item
    item: dict[str, Any] = {
        "urn": _urns(post.number, thread) if as_object else post.number,
        "full_urn": thread,
        "posted_at": _posted_at(post.moment),
        "text": post.text,
        "url": post.url,
        "post_type": post.how,
        "author": _author(post.author),
        "stats": _stats(post.engagement),
    }
    item |= {"media": media} if (media := _media(shown)) else {}
    item |= {"article": _article(shown["article"])} if "article" in shown else {}
    item |= {"document": _document(shown["document"])} if "document" in shown else {}
    return item | ({"reshared_post": _item(post.inner, as_object=as_object)} if post.inner else {})


def _urns(number: str, thread: str) -> dict[str, str | None]:
    kind, _, told = thread.removeprefix("urn:li:").partition(":")
    return {"activity_urn": number, "share_urn": None, "ugcPost_urn": None, f"{kind}_urn": told}


def _posted_at(moment: dict[str, Any]) -> dict[str, Any]:
    """The date has no zone; beside the timestamp it is seen to be of central Europe."""
    when = datetime.fromisoformat(moment["date"])
    return {
        "date": when.astimezone(_ZONE).strftime("%Y-%m-%d %H:%M:%S"),
        "relative": moment["postedAgoShort"],
        "timestamp": moment["timestamp"],
    }


def _author(person: Person) -> dict[str, Any]:
    member = person.opaque
    return {
        "first_name": person.first,
        "last_name": person.last,
        "headline": person.headline,
        "username": person.handle,
        "profile_url": person.url + (f"?miniProfileUrn=urn%3Ali%3Afsd_profile%3A{member}" if member else ""),
        "profile_picture": person.picture,
    }


def _stats(engagement: dict[str, Any]) -> dict[str, int]:
    """A count of zero is left out."""
    by_kind = {_WORDS[one["type"]]: one["count"] for one in engagement["reactions"]}
    sums = {"comments": engagement["comments"], "reposts": engagement["shares"]}
    counts = {"total_reactions": engagement["likes"], **by_kind, **sums}
    return {name: count for name, count in counts.items() if count}


def _media(shown: dict[str, Any]) -> dict[str, Any] | None:
    if video := shown.get("postVideo"):
        return {"type": "video", "url": video["videoUrl"], "thumbnail": video["thumbnailUrl"]}
    images = [
        {key: image[key] for key in ("url", "width", "height")} for image in shown.get("postImages", ())
    ]
    if not images:
        return None
    return {"type": "images" if len(images) > 1 else "image", "url": images[0]["url"], "images": images}


def _article(told: dict[str, Any]) -> dict[str, Any]:
    image = told["image"]
    return {
        "url": told["link"],
        "title": told["title"],
        "subtitle": told["subtitle"],
        "thumbnail": image["url"] if isinstance(image, dict) else image,
    }


def _document(told: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": told["title"],
        "page_count": told["totalPageCount"],
        "url": told["transcribedDocumentUrl"],
        "thumbnail": told["coverPages"][0]["imageUrls"][0],
    }


def _error(target: Target) -> dict[str, Any]:
    return {"error": "Failed to fetch the posts of the profile", "username": target.handle}


def _is_charged(item: Any) -> bool:
    return isinstance(item, dict) and "urn" in item


APIMAESTRO = Kind(
    title="Profile posts, no cookies",
    check=_check,
    urls=_urls,
    asks=_asks,
    post=_post,
    error=_error,
    # Invented: what it charges has not been observed.
    tariff=Tariff({START: 5, "result": 500}, "result", _is_charged),
    nonsense=_NONSENSE,
)
