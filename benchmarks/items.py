"""Items in the shapes of three actors, of invented people, each with what it must become."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from harvester.posts import CompanionKind, RejectReason

#: One in so many is damaged, and one in so many repeats an earlier post.
_DAMAGED: Final = 20
_REPEATED: Final = 50
_FIRST_NUMBER: Final = 7_300_000_000_000_000_000
_NOBODY: Final = "https://www.linkedin.com/in/somebody-who-is-no-lead"
_BEGAN_MS: Final = 1_740_000_000_000


@dataclass(frozen=True, slots=True)
class Item:
    """An item, and what it becomes: a post of this key, a companion of this key, or a reject."""

    item: Any
    key: str | None = None
    companion: CompanionKind | None = None
    reason: RejectReason | None = None


def made(actor: str, at: int, url: str) -> Item:
    """Make the item of this place: the same one each time."""
    chance = random.Random(at)  # noqa: S311  # nosec B311 # nothing secret
    if chance.randrange(_DAMAGED) == 0:
        return _damaged(chance, SHAPES[actor](chance, at, url))
    if chance.randrange(_REPEATED) == 0:
        at -= at % 100
        chance = random.Random(at)  # noqa: S311  # nosec B311 # nothing secret
        if chance.randrange(_DAMAGED) == 0:
            return _damaged(chance, SHAPES[actor](chance, at, url))
        chance.randrange(_REPEATED)
    if actor.startswith("harvestapi") and chance.randrange(8) == 0:
        return _said(chance, at)
    return Item(SHAPES[actor](chance, at, url), key=str(_FIRST_NUMBER + at))


def _damaged(chance: random.Random, item: dict[str, Any]) -> Item:
    ways: list[tuple[Any, RejectReason]] = [
        (chance.choice([None, 7, "lost", [item], True]), RejectReason.NOT_AN_OBJECT),
        (
            {"error": "Failed to scrape post", "inputUrl": "https://www.linkedin.com/in/x"},
            RejectReason.ERROR_ITEM,
        ),
        ({"surprise": 1, "nothing": "of ours"}, RejectReason.UNKNOWN_TYPE),
        (_without_numbers(item), RejectReason.NO_ID),
        ({**item, "text": [1], "content": [1]}, RejectReason.DAMAGED),
    ]
    if "numLikes" in item or "engagement" in item:
        nobody = {"inputUrl": _NOBODY, "query": {"targetUrl": _NOBODY}}
        ways.append(({**item, **nobody}, RejectReason.UNATTRIBUTABLE))
    damaged, reason = chance.choice(ways)
    return Item(damaged, reason=reason)


def _without_numbers(item: dict[str, Any]) -> dict[str, Any]:
    named = ("id", "linkedinUrl", "urn", "full_urn", "url", "shareUrn", "socialContent")
    return {key: value for key, value in item.items() if key not in named}


def _said(chance: random.Random, at: int) -> Item:
    post = str(_FIRST_NUMBER + at - 1)
    who = {"name": f"Person {at}", "linkedinUrl": f"https://www.linkedin.com/in/person-{at}"}
    if chance.randrange(2):
        comment = {
            "type": "comment",
            "id": f"c{at}",
            "commentary": _words(chance),
            "actor": who,
            "postId": post,
        }
        return Item(comment, f"c{at}", CompanionKind.COMMENT)
    reaction = {"type": "reaction", "id": f"r{at}", "reactionType": "LIKE", "actor": who, "postId": post}
    return Item(reaction, f"r{at}", CompanionKind.REACTION)


def _words(chance: random.Random) -> str:
    return " ".join(chance.choice(_VOCABULARY) for _ in range(chance.randrange(5, 80)))


_VOCABULARY: Final = (
    *("an", "orchard", "in", "winter", "wants", "sharp", "tools", "cold", "hands"),
    *("and", "people", "who", "count", "every", "tree"),
)


def _harvestapi(chance: random.Random, at: int, url: str) -> dict[str, Any]:
    number, likes = _FIRST_NUMBER + at, chance.randrange(5_000)
    post = {
        "type": "post",
        "id": str(number),
        "linkedinUrl": f"https://www.linkedin.com/posts/someone_words-activity-{number}-abcd",
        "content": _words(chance),
        "author": {
            "publicIdentifier": url.rpartition("/")[2],
            "name": f"Person {at % 99}",
            "linkedinUrl": url,
        },
        "postedAt": {"timestamp": _BEGAN_MS + at * 1_000, "date": "2025-02-19T21:20:00.000Z"},
        "postImages": [],
        "engagement": {"likes": likes, "comments": likes // 9, "shares": likes // 40, "reactions": []},
        "query": {"targetUrl": url},
    }
    if chance.randrange(5) == 0:
        post["repost"] = {"id": str(number - 10**15), "content": _words(chance)}
    if chance.randrange(4) == 0:
        post["postImages"] = [{"url": f"https://media.licdn.com/dms/image/{at}.jpg", "width": 8, "height": 8}]
    return post


def _apimaestro(chance: random.Random, at: int, url: str) -> dict[str, Any]:
    number, likes = _FIRST_NUMBER + at, chance.randrange(5_000)
    urn: Any = f"urn:li:activity:{number}"
    if chance.randrange(2):
        urn = {"activity_urn": str(number), "ugcPost_urn": str(number - 1_234_567), "share_urn": None}
    return {
        "urn": urn,
        "posted_at": {"date": "2025-02-19 21:20:00", "relative": "2h", "timestamp": _BEGAN_MS + at * 1_000},
        "text": _words(chance),
        "url": f"https://www.linkedin.com/feed/update/urn:li:activity:{number}/",
        "post_type": "regular",
        "author": {"first_name": "Person", "last_name": str(at % 99), "profile_url": url},
        "stats": {"total_reactions": likes, "like": likes, "comments": likes // 9, "reposts": likes // 40},
    }


def _supreme_coder(chance: random.Random, at: int, url: str) -> dict[str, Any]:
    number = _FIRST_NUMBER + at
    return {
        "type": "text",
        "isActivity": False,
        "urn": f"urn:li:activity:{number}",
        "url": f"https://www.linkedin.com/feed/update/urn:li:activity:{number}/",
        "shareUrn": f"urn:li:share:{number - 2_345_678}",
        "text": _words(chance),
        "numShares": 0,
        "numLikes": chance.randrange(900),
        "numComments": 0,
        "authorName": f"Person {at % 99}",
        "authorProfileUrl": url,
        "postedAtTimestamp": _BEGAN_MS + at * 1_000,
        "inputUrl": url,
    }


#: How each actor shows a post.
SHAPES: Final[dict[str, Callable[[random.Random, int, str], dict[str, Any]]]] = {
    "harvestapi/linkedin-profile-posts": _harvestapi,
    "apimaestro/linkedin-profile-posts": _apimaestro,
    "supreme_coder/linkedin-post": _supreme_coder,
}
