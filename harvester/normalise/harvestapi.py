"""The items of harvestapi/linkedin-profile-posts: posts, comments, reactions and errors in one dataset.

Its builds differ and its upstream breaks, so nothing about an item is taken for granted: whatever comes, the
answer is one of four outcomes and never an exception.
"""

from __future__ import annotations

from typing import Any, Final

from harvester.normalise import harvestapi_fields as fields
from harvester.normalise.actor import Actor, Ask
from harvester.normalise.companion_table import CompanionTable
from harvester.normalise.harvestapi_extras import EXTRAS, form_of
from harvester.normalise.person import Item, Person
from harvester.normalise.refusals import MAX_DETAIL, error_of, not_an_object, shown
from harvester.normalise.values import (
    Field,
    count,
    iso_time,
    linkedin_url,
    member_id,
    milliseconds,
    name,
    objects,
    own_number,
    post_number,
    profile_link,
    said_number,
)
from harvester.posts import Companion, CompanionKind, NoPosts, Post, Reject, RejectReason

_POST: Final = "post"
_UNKNOWN: Final = "unknown"
_COMPANIONS: Final = frozenset({"comment", "reaction"})
#: Keys that only a post has: what an item without a `type` is known by.
_POST_SHAPE: Final = frozenset(
    {"content", "postedAt", "engagement", "socialContent", "postImages", "postedAgo"}
)
_NO_POSTS: Final = "no posts found"
_MOST_KINDS: Final = 20  # of reactions to one comment
#: Where comments and reactions lie within a post.
_WITHIN: Final = ((CompanionKind.COMMENT, "comments"), (CompanionKind.REACTION, "reactions"))


def _sum(counts: object) -> int | None:
    """Add up how often each kind of reaction was given to a comment; an empty list says that none was."""
    if not isinstance(counts, list):
        return None
    told = [count(one.get("count")) for one in objects(counts, _MOST_KINDS)]
    known = [one for one in told if one is not None]
    return count(sum(known)) if known or not counts else None


#: Comments and reactions. What says of which post they are stands in `postId`, or only in a URL or a URN.
COMPANIONS: Final = CompanionTable(
    own=Field(own_number, "id"),
    post=(Field(post_number, "postId", "query.post"), Field(said_number, "linkedinUrl", "id")),
    url=Field(linkedin_url, "linkedinUrl"),
    author=Person(
        names=(Field(name, "actor.name", "actor"),),
        links=(Field(profile_link, "actor.linkedinUrl"),),
        slugs=(("in", Field(member_id, "actor.id")),),
    ),
    headline=Field(name, "actor.position"),
    text="commentary",
    reaction=Field(name, "reactionType"),
    created=(Field(milliseconds, "createdAtTimestamp"), Field(iso_time, "createdAt")),
    likes=Field(_sum, "reactionTypeCounts"),
)


def _said_within(item: Item, key: str) -> tuple[Companion, ...]:
    return COMPANIONS.within(item, _WITHIN, key)


#: Posts. A repost is the item of the post that was reposted, with who did.
POSTS: Final = fields.PostTable(
    names=fields.NAMES,
    more_names=fields.more_names,
    url=fields.URL,
    text=("content", "text"),
    posted=fields.POSTED,
    ago=fields.AGO,
    author=fields.AUTHOR,
    target=fields.TARGET,
    likes=fields.LIKES,
    comments=fields.COMMENTS,
    reposts=fields.REPOSTS,
    images=(fields.IMAGES,),
    kind=fields.kind_of,
    reposter=fields.REPOSTER,
    reposted_at=fields.REPOSTED,
    form=form_of,
    extras=EXTRAS,
    companions=_said_within,
)


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
        return not_an_object(item)
    kind = _kind_word(item)
    if kind in _COMPANIONS:
        return COMPANIONS.read(CompanionKind(kind), item)
    if _is_remark(item):
        return NoPosts(POSTS.target.of(item))
    if kind == "error" or (item.get("error") and (_POST_SHAPE.isdisjoint(item) or not POSTS.names_of(item))):
        return Reject(RejectReason.ERROR_ITEM, error_of(item, ("error", "message")), POSTS.target.of(item))
    if kind == _POST:
        return POSTS.post(item)
    return Reject(RejectReason.UNKNOWN_TYPE, _type_detail(item), POSTS.target.of(item))


def _kind_word(item: Item) -> str:
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


def _is_remark(item: Item) -> bool:
    """Whether this is the `{message: 'No posts found'}` of older builds."""
    message = item.get("message")
    if not isinstance(message, str) or not _POST_SHAPE.isdisjoint(item):
        return False
    return message.strip().lower().startswith(_NO_POSTS)


def _type_detail(item: Item) -> str:
    if item.get("type") is not None:
        return f"type is {shown(item['type'])}"[:MAX_DETAIL]
    if isinstance(item.get("message"), str):
        return f"no type, and a message: {shown(item['message'])}"[:MAX_DETAIL]
    return "no type, and not the shape of a post"


PROFILE_POSTS: Final = Actor("harvestapi/linkedin-profile-posts", normalise, _asks, brings_companions=True)
