"""harvestapi/linkedin-profile-posts: any number of targets a run, comments and reactions on demand."""

from collections.abc import Mapping
from typing import Any

from harvester.sandbox.apify.interactions import comment, crowd, reaction
from harvester.sandbox.apify.kind import Asked, Kind, is_strings, need, need_counts, need_flags
from harvester.sandbox.apify.people import Scene, Target, read_target
from harvester.sandbox.apify.posts import PAGE
from harvester.sandbox.apify.pricing import NO_RESULT, START, Tariff

_MOST_TARGETS = 10_000
_STRINGS = (
    "targetUrls", "profileUrls", "profilePublicIdentifiers", "profileIds", "companyUrls",
    "companyPublicIdentifiers", "companyIds",
)  # fmt: skip
_COUNTS = ("maxPosts", "maxComments", "maxReactions")
_FLAGS = ("includeQuotePosts", "includeReposts", "scrapeReactions", "scrapeComments")
_DAY = 86400.0
_WINDOWS = {
    "any": float("inf"), "1h": _DAY / 24, "24h": _DAY, "week": 7 * _DAY, "month": 30 * _DAY,
    "3months": 90 * _DAY, "6months": 180 * _DAY, "year": 365 * _DAY,
}  # fmt: skip
_NONSENSE: tuple[Any, ...] = (
    None,
    [1, [2, {"type": "post"}]],
    "not an object",
    {},
    {"type": "post", "content": "a post without an id"},
    {"type": "poll", "id": "1", "question": "of an unknown type"},
    {"type": "post", "id": {"urn": 7}, "content": ["no", "text"], "postedAt": "yesterday", "author": 42},
    {"type": 3.5, "id": None},
)


def _check(given: Mapping[str, Any]) -> None:
    for name in _STRINGS:
        need(is_strings(given.get(name)), f"Field input.{name} must be an array of strings.")
    need_counts(given, 0, *_COUNTS)
    need_flags(given, *_FLAGS)
    for name in ("postedLimit", "commentsPostedLimit"):
        allowed = given.get(name) is None or given.get(name) in tuple(_WINDOWS)
        need(allowed, f"Field input.{name} must be equal to one of the allowed values.")
    few = len(given.get("targetUrls") or ()) <= _MOST_TARGETS
    need(few, f"Field input.targetUrls must NOT have more than {_MOST_TARGETS} items.")


def _urls(given: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(given.get("targetUrls") or ())


def _asks(_: Scene, given: Mapping[str, Any]) -> Asked:
    unwanted = {"repost"} if given.get("includeReposts") is False else set()
    unwanted |= {"quote"} if given.get("includeQuotePosts") is False else set()
    most = given.get("maxPosts")
    return Asked(
        [read_target(url) for url in _urls(given)],
        # Without `maxPosts` one page comes, and 0 is no limit.
        most=PAGE if most is None else most or None,
        oldest=_WINDOWS.get(str(given.get("postedLimit")), float("inf")),
        unwanted=frozenset(unwanted),
    )


def _companions(given: Mapping[str, Any]) -> tuple[int | None, int | None]:
    comments = (given.get("maxComments") or 0) if given.get("scrapeComments") else None
    reactions = (given.get("maxReactions") or 0) if given.get("scrapeReactions") else None
    return comments, reactions


def _post(scene: Scene, target: Target, number: int, post: dict[str, Any]) -> dict[str, Any]:
    comments, reactions = (0, 0) if target.kind == "post" else crowd(scene, target.handle, number)
    query = {"sortBy": "date", "page": str(number // PAGE + 1), "targetUrl": target.url}
    return post | {
        "reactions": [reaction(scene, post, place) for place in range(reactions)],
        "comments": [comment(scene, post, place) for place in range(comments)],
        "query": query,
    }


def _error(target: Target) -> dict[str, Any]:
    return {"error": "Failed to scrape the profile: HTTP 999", "query": {"targetUrl": target.url}}


def _is_charged(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") in ("post", "comment", "reaction")


HARVESTAPI = Kind(
    title="Profile posts",
    check=_check,
    urls=_urls,
    asks=_asks,
    post=_post,
    error=_error,
    # As observed in 2026: a comment or a reaction is charged as a post.
    tariff=Tariff({START: 5, "post": 200, NO_RESULT: 100}, "post", _is_charged, start_per_gigabyte=True),
    nonsense=_NONSENSE,
    lanes=6,
    companions=_companions,
)
