"""The items of harvestapi/linkedin-profile-posts: posts, comments, reactions and errors in one dataset.

Its builds differ and its upstream breaks, so nothing about an item is taken for granted: whatever comes, the
answer is one of four outcomes and never an exception.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from harvester.normalise import harvestapi_fields as fields
from harvester.normalise.actor import Actor, Ask
from harvester.normalise.harvestapi_extras import extras_of
from harvester.normalise.text import clean, clean_json, one_line
from harvester.posts import Companion, CompanionKind, NoPosts, Post, PostKind, Reject, RejectReason

MAX_DETAIL = 300  # characters of a reject's detail

_POST: Final = "post"
_UNKNOWN: Final = "unknown"
_COMPANIONS: Final = frozenset({"comment", "reaction"})
#: Keys that only a post has: what an item without a `type` is known by.
_POST_SHAPE: Final = frozenset(
    {"content", "postedAt", "engagement", "socialContent", "postImages", "postedAgo"}
)
_JSON_TYPES: Final = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_NO_POSTS: Final = "no posts found"


def _asks(ask: Ask) -> dict[str, Any]:
    """Build the actor's input.

    `targetUrls` alone: the actor queues its aliases (`profileUrls` and so on) as separate jobs, and charges
    for each. A missing or zero maximum means no limit to it, so every maximum is sent, and positive.
    """
    asked: dict[str, Any] = {
        "targetUrls": list(ask.target_urls),
        "maxPosts": ask.max_posts,
        "postedLimit": ask.posted_limit,
        "includeQuotePosts": True,
        "includeReposts": True,
        "scrapeComments": ask.max_comments > 0,
        "scrapeReactions": ask.max_reactions > 0,
    }
    if ask.max_comments > 0:
        asked["maxComments"] = ask.max_comments
    if ask.max_reactions > 0:
        asked["maxReactions"] = ask.max_reactions
    return asked


def normalise(item: object) -> Post | Reject | NoPosts | Companion:
    """What `item` (any JSON value) is to us. Never raises: a damaged item is a `Reject` with its reason."""
    if not isinstance(item, dict):
        return Reject(RejectReason.NOT_AN_OBJECT, f"the item is {_json_type(item)}")
    target = fields.TARGET.of(item)
    kind = _kind_word(item)
    if kind in _COMPANIONS:
        return Companion(CompanionKind(kind), fields.PARENT.of(item), str(item.get("id")))
    if _is_remark(item):
        return NoPosts(target)
    if kind == "error" or (
        item.get("error") and (_POST_SHAPE.isdisjoint(item) or fields.post_key(item) is None)
    ):
        return Reject(RejectReason.ERROR_ITEM, _error_detail(item), target)
    if kind == _POST:
        return _post(item, target)
    return Reject(RejectReason.UNKNOWN_TYPE, _type_detail(item), target)


def _kind_word(item: dict[str, Any]) -> str:
    """The item's `type` where it has one, else what its shape tells."""
    kind = item.get("type")
    if isinstance(kind, str):
        return kind.strip().lower()
    if kind is not None:
        return _UNKNOWN
    if "reactionType" in item:
        return "reaction"
    if "commentary" in item:
        return "comment"
    return _UNKNOWN if _POST_SHAPE.isdisjoint(item) else _POST


def _is_remark(item: dict[str, Any]) -> bool:
    """Whether this is the `{message: 'No posts found'}` of older builds."""
    message = item.get("message")
    if not isinstance(message, str) or not _POST_SHAPE.isdisjoint(item):
        return False
    return message.strip().lower().startswith(_NO_POSTS)


def _post(item: dict[str, Any], target: str | None) -> Post | Reject:
    key = fields.post_key(item)
    if key is None:
        return Reject(RejectReason.NO_ID, "no post number in id, linkedinUrl, shareUrl or URNs", target)
    content = item.get("text") if item.get("content") is None else item["content"]
    if isinstance(content, dict | list):
        return Reject(RejectReason.DAMAGED, f"the text of post {key} is {_json_type(content)}", target)
    text, truncated = _text(content)
    kind = fields.kind_of(item)
    author_urls = fields.AUTHOR.urls(item)
    return Post(
        post_key=key,
        kind=kind,
        url=fields.URL.of(item),
        text=text,
        text_truncated=truncated,
        posted_at=fields.POSTED_MS.of(item) or fields.POSTED_ISO.of(item),
        author=fields.AUTHOR.author(item, author_urls),
        likes=fields.LIKES.of(item),
        comments=fields.COMMENTS.of(item),
        reposts=fields.REPOSTS.of(item),
        images=fields.IMAGES.of(item) or (),
        target_url=target,
        # The author of a reposted post is somebody else: never a sign of the lead.
        found_under=fields.REPOSTER.urls(item) if kind is PostKind.REPOST else author_urls,
        extras=extras_of(item),
    )


def _text(content: object) -> tuple[str, bool]:
    if isinstance(content, str):
        return clean(content)
    shown = None if isinstance(content, bool) else clean_json(content)
    return ("" if shown is None else str(shown)), False


def _error_detail(item: dict[str, Any]) -> str:
    error = item.get("error")
    detail = item.get("message") if isinstance(error, bool) or not error else error
    return _shown(detail) if detail else "the actor gave no reason"


def _type_detail(item: dict[str, Any]) -> str:
    if item.get("type") is not None:
        return f"type is {_shown(item['type'])}"[:MAX_DETAIL]
    if isinstance(item.get("message"), str):
        return f"no type, and a message: {_shown(item['message'])}"[:MAX_DETAIL]
    return "no type, and not the shape of a post"


def _shown(value: object) -> str:
    if isinstance(value, str):
        return one_line(value, MAX_DETAIL)
    return one_line(orjson.dumps(clean_json(value, limit=MAX_DETAIL, depth=3)).decode(), MAX_DETAIL)


def _json_type(value: object) -> str:
    return _JSON_TYPES.get(type(value), "no JSON")


PROFILE_POSTS: Final = Actor("harvestapi/linkedin-profile-posts", normalise, _asks, brings_companions=True)
