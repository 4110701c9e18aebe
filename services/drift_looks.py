"""What a page's items look like: how many became what, and which fields some of them have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from harvester.ledger.actor_outputs import MOST_PATHS, Fields, Look
from harvester.ledger.companions import FoundCompanion
from harvester.ledger.posts import Found, Refused
from harvester.normalise.text import one_line
from harvester.posts import RejectReason

#: Items of each page whose fields are looked at.
LOOKED_AT: Final = 20
_KEY_CHARS: Final = 80


def look_at(
    items: int,
    found: Sequence[Found],
    companions: Sequence[FoundCompanion],
    refused: Sequence[Refused],
    shown: Sequence[object],
) -> Look:
    """Count a page of so many items by what became of them; fields are those of what is `shown`.

    A comment or a reaction that lay within a post's item is no item of its own.
    """
    reasons = [one.reject.reason for one in refused]
    errors = reasons.count(RejectReason.ERROR_ITEM)
    return Look(
        items=items,
        posts=len(found),
        companions=sum(one.companion.item is None for one in companions),
        errors=errors,
        misfits=len(reasons) - errors,
        unattributed=reasons.count(RejectReason.UNATTRIBUTABLE),
        undated=sum(one.post.posted_at is None for one in found),
        fields=fields_of(spread(shown)),
    )


def fields_of(items: Sequence[object]) -> Fields:
    """Say of each path, two levels deep, of how many items it is, and of which JSON types its values are.

    Of a list the first value is looked into, as `images[].url`.
    """
    found: Fields = {}
    for item in items:
        for path, value in dict(islice(_paths(item), 2 * MOST_PATHS)).items():
            seen = found.get(path)
            if seen is None:
                if len(found) == MOST_PATHS:
                    continue
                seen = found[path] = {"items": 0, "types": {}}
            name = type_of(value)
            seen["items"] += 1
            seen["types"][name] = seen["types"].get(name, 0) + 1
    return found


def type_of(value: object) -> str:
    """Name the JSON type of a value, for people."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "yes/no"
    for kind, name in _TYPES.items():
        if isinstance(value, kind):
            return name
    return "other"


_TYPES: Final[dict[type | tuple[type, ...], str]] = {
    str: "text",
    (int, float): "number",
    dict: "object",
    list: "list",
}


def _paths(item: object) -> Iterator[tuple[str, object]]:
    yield "", item
    for key, value in _keys(item):
        yield key, value
        within, mark = (value[0], "[]") if isinstance(value, list) and value else (value, "")
        for deeper, held in _keys(within):
            yield f"{key}{mark}.{deeper}", held


def _keys(value: object) -> Iterator[tuple[str, Any]]:
    """Give an object's values by key, cleaned; so many of them that one large object holds nobody up."""
    if isinstance(value, dict):
        for position, (key, held) in enumerate(value.items()):
            if position == MOST_PATHS:
                return
            yield one_line(str(key), _KEY_CHARS) or "?", held


def spread(shown: Sequence[object]) -> list[object]:
    """Take some of the items, as far apart as they can be; of so few, all."""
    if len(shown) <= LOOKED_AT:
        return list(shown)
    return [shown[position * len(shown) // LOOKED_AT] for position in range(LOOKED_AT)]
