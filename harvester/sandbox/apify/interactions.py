"""What others do with a post: comments and reactions, each an item of its own and nested in their post."""

from typing import Any

from harvester.sandbox.apify import texts
from harvester.sandbox.apify.people import Scene, onlooker, thread_of

_KINDS = ("LIKE", "LIKE", "LIKE", "APPRECIATION", "EMPATHY", "PRAISE", "INTEREST", "ENTERTAINMENT")


def crowd(scene: Scene, handle: str, number: int) -> tuple[int, int]:
    """How many comments and reactions of a post are scraped: at most what was asked for and what there is."""
    if scene.max_comments is None and scene.max_reactions is None:
        return 0, 0
    chance = scene.chance("crowd", handle, number)
    there = chance.randint(0, 6), chance.randint(0, 9)
    asked = scene.max_comments, scene.max_reactions
    comments, reactions = (_scraped(have, want) for have, want in zip(there, asked, strict=True))
    return comments, reactions


def _scraped(there: int, asked: int | None) -> int:
    if asked is None:
        return 0
    return min(there, asked) if asked > 0 else there


def comment(scene: Scene, post: dict[str, Any], place: int) -> dict[str, Any]:
    """A comment as it is nested in its post."""
    chance = scene.chance("comment", post["id"], place)
    number = scene.number("comment", post["id"], place)
    thread = thread_of(post["id"])
    moment = scene.ago(place * 600.0)
    return {
        "id": str(number),
        "linkedinUrl": f"https://www.linkedin.com/feed/update/{thread}?commentUrn=urn%3Ali%3Acomment%3A{number}",
        "commentary": texts.remark(chance),
        "createdAt": moment["date"],
        "numComments": chance.randrange(3),
        "numShares": None,
        "numImpressions": None,
        "reactionTypeCounts": [],
        "actor": onlooker(scene, chance) | {"author": False},
        "createdAtTimestamp": moment["timestamp"],
        "pinned": False,
        "contributed": False,
        "edited": chance.random() < 0.2,
        "postId": post["id"],
    }


def reaction(scene: Scene, post: dict[str, Any], place: int) -> dict[str, Any]:
    """A reaction as it is nested in its post."""
    chance = scene.chance("reaction", post["id"], place)
    who = onlooker(scene, chance)
    return {
        "id": f"urn:li:fsd_reaction:(urn:li:fsd_profile:{who['id']},{thread_of(post['id'])},0)",
        "reactionType": chance.choice(_KINDS),
        "actor": who,
        "postId": post["id"],
    }


def as_item(kind: str, nested: dict[str, Any], post: dict[str, Any]) -> dict[str, Any]:
    """The same comment or reaction as an item of the dataset."""
    return {"type": kind, **nested, "query": {"post": post["linkedinUrl"]}}
