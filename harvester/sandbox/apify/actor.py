"""What a run of an actor over some targets finds, planned at once and generated when it is read.

Words in a target's handle steer it: `no-posts` has none, `error` gives an error item, `nonsense` items that
nobody could use, `prolific` as many posts as are asked for, `shared` first of all a repost that all of these
share, `bulk-N` exactly N short posts whatever was asked for. Of one that ends in `-swallowed` the actor
has logged an error and gone on: no item, and no charge for having none.
"""

import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NamedTuple

from harvester.sandbox.apify.datasets import Generated, Given, Part
from harvester.sandbox.apify.interactions import as_item, comment, crowd, reaction
from harvester.sandbox.apify.kind import Asked, Kind
from harvester.sandbox.apify.people import Scene, Target, author
from harvester.sandbox.apify.posts import age_of, build_post, kind_of, post_of_number

#: The end of the handle of somebody whom the actor swallows.
SWALLOWED = "-swallowed"
#: All posts of somebody prolific, unless more are asked for.
_PROLIFIC = 100
_BULK = re.compile(r"bulk-(\d+)")


class Recipe(NamedTuple):
    """How to make one item: its kind, whose it is, which post, which comment or reaction, its charge."""

    kind: str
    target: Target
    number: int = 0
    place: int = 0
    event: str | None = None


@dataclass(frozen=True)
class Plan:
    """All that a run would find, and how many targets have nothing."""

    parts: list[Part]
    no_results: int


def make_plan(
    kind: Kind,
    scene: Scene,
    given: Mapping[str, Any],
    exact: Mapping[str, Sequence[Any]],
    fails: Callable[[Target], bool] = lambda _: False,
) -> Plan:
    """Plan a run over a checked INPUT.

    `exact` replaces what a handle, or a whole marked run, has; a target that `fails` has an error item alone.
    """
    for value in given.values():
        if isinstance(value, str) and value in exact:
            return Plan([Given(exact[value], kind.tariff)], 0)
    asked = kind.asks(scene, given)
    bulk = [target for target in asked.targets if _BULK.search(target.handle)]
    others = [target for target in asked.targets if target not in bulk]
    queues = [
        [Recipe("error", target)]
        if fails(target)
        else _exact(kind, target, exact) or _recipes(kind, scene, target, asked)
        for target in others
    ]
    mixed = _interleave(scene, queues, kind.lanes)
    parts: list[Part] = [
        Generated(mixed, lambda recipe: _build(kind, scene, recipe, exact), attrgetter("event"))
    ]
    parts += [_bulk(kind, scene, target) for target in bulk]
    empty = (target for target, queue in zip(others, queues, strict=True) if not queue)
    return Plan(parts, sum(not target.handle.endswith(SWALLOWED) for target in empty))


def _exact(kind: Kind, target: Target, exact: Mapping[str, Sequence[Any]]) -> list[Recipe]:
    items = exact.get(target.handle, ())
    event_of = kind.tariff.event_of
    return [Recipe("exact", target, place=place, event=event_of(item)) for place, item in enumerate(items)]


def _recipes(kind: Kind, scene: Scene, target: Target, asked: Asked) -> list[Recipe]:
    event = kind.tariff.item
    if target.kind == "post":
        return [Recipe("post", target, event=event)]
    if target.kind == "other" or "no-posts" in target.handle or target.handle.endswith(SWALLOWED):
        return []
    if "error" in target.handle:
        return [Recipe("error", target)]
    if "nonsense" in target.handle:
        return [Recipe("nonsense", target, place=place) for place in range(len(kind.nonsense))]
    found: list[Recipe] = []
    for number in _numbers(scene, target.handle, asked):
        comments, reactions = crowd(scene, target.handle, number)
        found += [Recipe("reaction", target, number, place, event) for place in range(reactions)]
        found += [Recipe("comment", target, number, place, event) for place in range(comments)]
        found.append(Recipe("post", target, number, event=event))
    return found


def _numbers(scene: Scene, handle: str, asked: Asked) -> list[int]:
    """Which of a person's posts the actor returns: of the asked kinds, young enough, and not too many."""
    there = (
        max(_PROLIFIC, 2 * (asked.skip + (asked.most or 0)))
        if "prolific" in handle
        else 1 + scene.number("posts", handle) // 5 % 24
    )
    young = (number for number in range(there) if age_of(scene, handle, number) <= asked.oldest)
    numbers = [number for number in young if kind_of(scene, handle, number) not in asked.unwanted]
    return numbers[asked.skip :][: asked.most]


def _interleave(scene: Scene, queues: Sequence[Sequence[Recipe]], most_at_once: int) -> list[Recipe]:
    """Items in the order in which several targets at once would bring them; each target's own order stays."""
    waiting = deque(deque(queue) for queue in queues if queue)
    lanes = [waiting.popleft() for _ in range(min(most_at_once, len(waiting)))]
    chance = scene.chance("lanes", len(queues))
    mixed: list[Recipe] = []
    while lanes:
        lane = chance.randrange(len(lanes))
        mixed.append(lanes[lane].popleft())
        if not lanes[lane]:
            lanes[lane : lane + 1] = [waiting.popleft()] if waiting else []
    return mixed


def _build(kind: Kind, scene: Scene, recipe: Recipe, exact: Mapping[str, Sequence[Any]]) -> Any:
    what, target, number, place, _ = recipe
    if what == "exact":
        return exact[target.handle][place]
    if what == "nonsense":
        return kind.nonsense[place]
    if what == "error":
        return kind.error(target)
    post = _post(scene, target, number)
    if what == "post":
        return kind.post(scene, target, number, post)
    return as_item(what, (comment if what == "comment" else reaction)(scene, post, place), post)


def _post(scene: Scene, target: Target, number: int) -> dict[str, Any]:
    if target.kind == "post":
        return post_of_number(scene, target.handle)
    return build_post(scene, target.handle, target.kind, number)


def _bulk(kind: Kind, scene: Scene, target: Target) -> Part:
    found = _BULK.search(target.handle)
    count = int(found.group(1)) if found else 0
    first = scene.number("bulk", target.handle)
    who = author(scene, target.handle, target.kind)
    quiet = scene.quiet()

    def build(place: int) -> Any:
        post_id = str(first + place)
        post = {
            "type": "post", "id": post_id,
            "linkedinUrl": f"https://www.linkedin.com/posts/{target.handle}_bulk-activity-{post_id}-bulk",
            "content": f"Short post {place} of {count}.", "author": who, "postedAt": scene.ago(place * 10.0),
            "postImages": [], "engagement": {"likes": 1, "comments": 0, "shares": 0, "reactions": []},
        }  # fmt: skip
        return kind.post(quiet, target, place, post)

    return Generated(range(count), build, lambda _: kind.tariff.item)
