"""The fixture actor: what a run over some targets finds, planned at once and generated when it is read.

Words in a target's handle steer it: `no-posts` has none, `error` gives an error item, `nonsense` items that
nobody could use, `prolific` as many posts as are asked for, `shared` first of all a repost that all of these
share, `bulk-N` exactly N short posts whatever was asked for. Of one that ends in `-swallowed` the actor
has logged an error and gone on: no item, and no charge for having none.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from harvester.sandbox.apify.datasets import CHARGED_AS, Generated, Given, Part
from harvester.sandbox.apify.interactions import as_item, comment, crowd, reaction
from harvester.sandbox.apify.people import Scene, Target, author, read_target
from harvester.sandbox.apify.posts import age_of, build_post, kind_of, post_of_number

#: How many targets the actor works on at once; their items interleave.
LANES = 6
#: The end of the handle of somebody whom the actor swallows.
SWALLOWED = "-swallowed"
#: Posts of one page, which is all that comes without `maxPosts`.
PAGE = 20
#: All posts of somebody prolific, unless more are asked for.
_PROLIFIC = 100
_DAY = 86400.0
_WINDOWS = {
    "1h": _DAY / 24, "24h": _DAY, "week": 7 * _DAY, "month": 30 * _DAY, "3months": 90 * _DAY,
    "6months": 180 * _DAY, "year": 365 * _DAY,
}  # fmt: skip
_BULK = re.compile(r"bulk-(\d+)")
NONSENSE: tuple[Any, ...] = (
    None,
    [1, [2, {"type": "post"}]],
    "not an object",
    {},
    {"type": "post", "content": "a post without an id"},
    {"type": "poll", "id": "1", "question": "of an unknown type"},
    {"type": "post", "id": {"urn": 7}, "content": ["no", "text"], "postedAt": "yesterday", "author": 42},
    {"type": 3.5, "id": None},
)


class Recipe(NamedTuple):
    """How to make one item: its kind, whose it is, which post, which comment or reaction."""

    kind: str
    target: Target
    number: int = 0
    place: int = 0


@dataclass(frozen=True)
class Plan:
    """All that a run would find, and how many targets have nothing."""

    parts: list[Part]
    no_results: int


def make_plan(scene: Scene, given: Mapping[str, Any], exact: Mapping[str, Sequence[Any]]) -> Plan:
    """Plan a run over a checked INPUT. `exact` replaces what a handle, or a whole marked run, has."""
    for value in given.values():
        if isinstance(value, str) and value in exact:
            return Plan([Given(exact[value])], 0)
    targets = [read_target(url) for url in given.get("targetUrls") or []]
    bulk = [target for target in targets if _BULK.search(target.handle)]
    queues = [
        _exact(target, exact) or _recipes(scene, target, given) for target in targets if target not in bulk
    ]
    mixed = _interleave(scene, queues)
    parts: list[Part] = [Generated(mixed, lambda recipe: _build(scene, recipe, exact), _charge)]
    parts += [_bulk(scene, target) for target in bulk]
    others = (target for target in targets if target not in bulk)
    empty = (target for target, queue in zip(others, queues, strict=True) if not queue)
    return Plan(parts, sum(not target.handle.endswith(SWALLOWED) for target in empty))


def _exact(target: Target, exact: Mapping[str, Sequence[Any]]) -> list[Recipe]:
    items = exact.get(target.handle, ())
    kinds = [item.get("type") if isinstance(item, dict) else None for item in items]
    return [Recipe(f"exact:{kind}", target, place=place) for place, kind in enumerate(kinds)]


def _recipes(scene: Scene, target: Target, given: Mapping[str, Any]) -> list[Recipe]:
    if target.kind == "post":
        return [Recipe("post", target)]
    if target.kind == "other" or "no-posts" in target.handle or target.handle.endswith(SWALLOWED):
        return []
    if "error" in target.handle:
        return [Recipe("error", target)]
    if "nonsense" in target.handle:
        return [Recipe("nonsense", target, place=place) for place in range(len(NONSENSE))]
    found: list[Recipe] = []
    for number in _numbers(scene, target.handle, given):
        comments, reactions = crowd(scene, target.handle, number)
        found += [Recipe("reaction", target, number, place) for place in range(reactions)]
        found += [Recipe("comment", target, number, place) for place in range(comments)]
        found.append(Recipe("post", target, number))
    return found


def _numbers(scene: Scene, handle: str, given: Mapping[str, Any]) -> list[int]:
    """Which of a person's posts the actor returns: of the asked kinds, young enough, and not too many."""
    unwanted = {"repost"} if given.get("includeReposts") is False else set()
    unwanted |= {"quote"} if given.get("includeQuotePosts") is False else set()
    oldest = _WINDOWS.get(str(given.get("postedLimit")), float("inf"))
    asked = given.get("maxPosts")
    there = (
        max(_PROLIFIC, 2 * (asked or 0))
        if "prolific" in handle
        else 1 + scene.number("posts", handle) // 5 % 24
    )
    young = (number for number in range(there) if age_of(scene, handle, number) <= oldest)
    numbers = [number for number in young if kind_of(scene, handle, number) not in unwanted]
    return numbers[: PAGE if asked is None else asked or None]


def _interleave(scene: Scene, queues: Sequence[Sequence[Recipe]]) -> list[Recipe]:
    """Items in the order in which several targets at once would bring them; each target's own order stays."""
    waiting = deque(deque(queue) for queue in queues if queue)
    lanes = [waiting.popleft() for _ in range(min(LANES, len(waiting)))]
    chance = scene.chance("lanes", len(queues))
    mixed: list[Recipe] = []
    while lanes:
        lane = chance.randrange(len(lanes))
        mixed.append(lanes[lane].popleft())
        if not lanes[lane]:
            lanes[lane : lane + 1] = [waiting.popleft()] if waiting else []
    return mixed


def _charge(recipe: Recipe) -> str | None:
    return CHARGED_AS.get(recipe.kind.removeprefix("exact:"))


def _build(scene: Scene, recipe: Recipe, exact: Mapping[str, Sequence[Any]]) -> Any:
    kind, target, number, place = recipe
    if kind.startswith("exact:"):
        return exact[target.handle][place]
    if kind == "nonsense":
        return NONSENSE[place]
    if kind == "error":
        return {"error": "Failed to scrape the profile: HTTP 999", "query": {"targetUrl": target.url}}
    post = _post(scene, target, number)
    if kind == "post":
        return _whole(scene, target, number, post)
    return as_item(kind, (comment if kind == "comment" else reaction)(scene, post, place), post)


def _post(scene: Scene, target: Target, number: int) -> dict[str, Any]:
    if target.kind == "post":
        return post_of_number(scene, target.handle)
    return build_post(scene, target.handle, target.kind, number)


def _whole(scene: Scene, target: Target, number: int, post: dict[str, Any]) -> dict[str, Any]:
    comments, reactions = (0, 0) if target.kind == "post" else crowd(scene, target.handle, number)
    query = {"sortBy": "date", "page": str(number // PAGE + 1), "targetUrl": target.url}
    return post | {
        "reactions": [reaction(scene, post, place) for place in range(reactions)],
        "comments": [comment(scene, post, place) for place in range(comments)],
        "query": query,
    }


def _bulk(scene: Scene, target: Target) -> Part:
    found = _BULK.search(target.handle)
    count = int(found.group(1)) if found else 0
    first = scene.number("bulk", target.handle)
    who = author(scene, target.handle, target.kind)
    engagement = {"likes": 1, "comments": 0, "shares": 0, "reactions": []}

    def build(place: int) -> dict[str, Any]:
        post_id = str(first + place)
        return {
            "type": "post", "id": post_id,
            "linkedinUrl": f"https://www.linkedin.com/posts/{target.handle}_bulk-activity-{post_id}-bulk",
            "content": f"Short post {place} of {count}.", "author": who, "postedAt": scene.ago(place * 10.0),
            "postImages": [], "engagement": engagement, "reactions": [], "comments": [],
            "query": {"sortBy": "date", "page": str(place // PAGE + 1), "targetUrl": target.url},
        }  # fmt: skip

    return Generated(range(count), build, lambda _: "post")
