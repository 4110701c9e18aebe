"""supreme_coder/linkedin-post: profiles, companies and posts by URL, back to a day."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from harvester.sandbox.apify.kind import Asked, Kind, is_strings, need, need_counts, need_flags
from harvester.sandbox.apify.people import Scene, Target, read_target, thread_of
from harvester.sandbox.apify.pricing import START, Tariff
from harvester.sandbox.apify.retold import Person, Retold, retold

_NONSENSE: tuple[Any, ...] = (
    None,
    7,
    {"type": "text", "urn": "urn:li:activity:", "text": {"no": "text"}, "postedAtTimestamp": "soon"},
    {"type": "text", "text": "a post without a URN", "isActivity": False},
    {"isActivity": True, "authorName": "Nobody"},
)


def _check(given: Mapping[str, Any]) -> None:
    need("urls" in given, "Field input.urls is required")
    urls = given["urls"]
    need(urls is not None and is_strings(urls), "Field input.urls must be an array of strings.")
    need(len(urls) > 0, "Field input.urls must NOT have fewer than 1 items.")
    need_counts(given, 1, "limitPerSource")
    need_flags(given, "deepScrape", "rawData")
    until = given.get("scrapeUntil")
    need(until is None or _day(until) is not None, 'Field input.scrapeUntil must match format "date".')


def _day(told: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _urls(given: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(given["urls"])


def _asks(scene: Scene, given: Mapping[str, Any]) -> Asked:
    until = _day(given.get("scrapeUntil"))
    oldest = float("inf") if until is None else (scene.anchor - until).total_seconds()
    targets = [read_target(url) for url in _urls(given)]
    return Asked(targets, most=given.get("limitPerSource"), oldest=oldest)


def _post(scene: Scene, target: Target, number: int, post: dict[str, Any]) -> dict[str, Any]:
    return _item(retold(scene, target, number, post)) | {"inputUrl": target.url}


def _item(post: Retold) -> dict[str, Any]:
    who, counts, pictures = post.author, post.engagement, post.item.get("postImages", ())
    item = {
        "type": _type(post.item),
        "isActivity": False,
        "urn": f"urn:li:activity:{post.number}",
        "url": post.url,
        "timeSincePosted": post.moment["postedAgoShort"],
        "shareUrn": thread_of(post.number),
        "text": post.text,
        "comments": [],
        "reactions": [],
        "numShares": counts["shares"],
        "numLikes": counts["likes"],
        "numComments": counts["comments"],
        **_author(who),
        "postedAtTimestamp": post.moment["timestamp"],
        "postedAtISO": post.moment["date"],
        "isRepost": post.how == "repost",
        "attributes": [],
    }
    item |= {"images": [picture["url"] for picture in pictures]} if pictures else {}
    return item | ({"resharedPost": _item(post.inner)} if post.inner else {})


def _author(who: Person) -> dict[str, Any]:
    return {
        "author": {
            "firstName": who.first,
            "lastName": who.last,
            "occupation": who.headline,
            "id": str(int(who.opaque[-6:] or "1", 16)),
            "publicId": who.handle,
            "profileId": who.opaque,
            "picture": who.picture,
        },
        "authorProfileId": who.handle,
        "authorName": who.name,
        "authorProfileUrl": who.url,
        "authorHeadline": who.headline,
        "authorType": "Company" if who.company else "Person",
        "authorProfilePicture": who.picture,
    }


def _type(shown: dict[str, Any]) -> str:
    if shown.get("postImages"):
        return "image"
    keys = {"postVideo": "video", "document": "document", "article": "article"}
    return next((word for key, word in keys.items() if key in shown), "text")


def _error(target: Target) -> dict[str, Any]:
    message = "Failed to scrape post: Cannot read properties of undefined (reading '0')"
    return {"error": message, "inputUrl": target.url}


def _is_charged(item: Any) -> bool:
    return isinstance(item, dict) and "urn" in item


SUPREME_CODER = Kind(
    title="Posts, profiles and companies",
    check=_check,
    urls=_urls,
    asks=_asks,
    post=_post,
    error=_error,
    # As told in 2026: a tenth of a cent for a post, and two for the start.
    tariff=Tariff({START: 200, "post": 100}, "post", _is_charged),
    nonsense=_NONSENSE,
)
