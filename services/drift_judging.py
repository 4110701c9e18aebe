"""Whether an actor's output is as it was: rates beside those of its history, and fields beside theirs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from harvester.ledger.actor_outputs import Fields, Look, Output

#: Two-sided 99 % of a normal distribution.
_Z: Final = 2.576
#: A rate has jumped if it is above its history by so much, in shares, beyond what chance explains.
_POINTS: Final = 0.05
#: So many actor runs and items there must be before they are a history.
_RUNS: Final = 3
_ITEMS: Final = 30
#: The share of items that could not be understood from which on a person should look, without a history.
_MANY_MISFITS: Final = 0.2
#: Items of one run, and profiles of several, by which an actor may be found useless.
_ENOUGH: Final = 30
_MANY: Final = 10
#: A field is rarer, or of another type, if its share has changed by so much.
_CHANGED: Final = 0.3
#: A field that so large a share of the items had belongs to the shape; others come and go.
_USUAL: Final = 0.8


def items_of(look: Look) -> int:
    """Count the items that should have been posts."""
    return max(0, look.items - look.companions)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many, by name."""

    name: str
    words: str
    of: Callable[[Look], tuple[int, int]]


#: Each with what it counts in a plural sentence: "3 of 10 items became no post".
RATES: Final = (
    Rate("rejects", "items became no post", lambda look: (look.misfits + look.errors, items_of(look))),
    Rate("undated", "posts had no time", lambda look: (look.undated, look.posts)),
    Rate("unattributed", "items were of no lead asked for", lambda look: (look.unattributed, items_of(look))),
    Rate("emptyTargets", "profiles had no posts", lambda look: (look.empty_targets, look.targets)),
)


@dataclass(frozen=True, slots=True)
class Jump:
    """A rate that chance does not explain."""

    rate: Rate
    now: tuple[int, int]
    before: tuple[int, int]

    def __str__(self) -> str:
        """Say it in words."""
        (some, of), (past, past_of) = self.now, self.before
        told = f"{some} of {of} {self.rate.words} ({share(some, of):.0%})"
        return f"{told}, where it was {share(past, past_of):.0%} in its last {past_of}"


@dataclass(frozen=True, slots=True)
class Change:
    """A field that is new, gone, rarer, or of another type; `before` and `now` say how often and what."""

    path: str
    what: str
    before: str
    now: str


def share(some: int, of: int) -> float:
    """Give the share of some in all; of nothing it is 0."""
    return some / of if of else 0.0


def bounds(some: int, of: int) -> tuple[float, float]:
    """Give Wilson's 99 % interval of a share; it is everything where nothing was seen."""
    if of <= 0:
        return 0.0, 1.0
    part, square = min(some, of) / of, _Z * _Z
    middle = (part + square / (2 * of)) / (1 + square / of)
    half = _Z * math.sqrt(part * (1 - part) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, min(part, middle - half)), min(1.0, max(part, middle + half))


def whole(looks: Iterable[Look]) -> Look:
    """Give the look of all of them together."""
    return sum(looks, Look())


def has_history(history: Sequence[Look]) -> bool:
    """Say whether there is enough to compare with."""
    return len(history) >= _RUNS and sum(items_of(look) for look in history) >= _ITEMS


def are_many(misfits: int, items: int) -> bool:
    """Say whether too many of an actor run's items could not be understood for it to be chance."""
    return misfits > _MANY_MISFITS * items


def jumps(now: Look, history: Sequence[Look]) -> list[Jump]:
    """Name the rates that have jumped; none without a history."""
    if not has_history(history):
        return []
    past = whole(history)
    pairs = [(rate, rate.of(now), rate.of(past)) for rate in RATES]
    return [
        Jump(rate, seen, before)
        for rate, seen, before in pairs
        if before[1] and bounds(*seen)[0] > bounds(*before)[1] + _POINTS
    ]


def unusable(latest: Sequence[Output]) -> Look | None:
    """Give the look that proves an actor's output useless, if one does: `latest` are its runs, newest first.

    More than half of the items must be of no use. The latest run alone tells if it has thirty items; else
    runs are taken together, from the newest on until ten profiles were asked for, of which not even a fifth
    may have brought posts, with one useless item for two of them at the least: a profile that brings nothing
    at all says nothing. Anything less may be the nonsense of a few, for which nobody else is to wait.
    """
    seen, profiles, with_posts = Look(), 0, 0
    for number, output in enumerate(latest):
        seen += output.look
        profiles += output.profiles
        with_posts += output.with_posts
        bad = seen.misfits + seen.errors
        useless = 2 * bad > items_of(seen)
        if number == 0 and items_of(seen) >= _ENOUGH:
            return seen if useless else None
        if profiles >= _MANY:
            return seen if useless and 5 * with_posts < profiles <= 2 * bad else None
    return None


def changes(now: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    """Say field by field what is not as it was; what is gone first. Nothing if one of them is of no items."""
    if not _items(now) or not _items(before):
        return []
    found = [
        change
        for path in dict.fromkeys((*before, *now))
        if (change := _change(path, now, before)) is not None
    ]
    return sorted(found, key=lambda change: (_ORDER.index(change.what), change.path))


GONE, TYPE, RARER, NEW = "gone", "another type", "rarer", "new"
_ORDER: Final = (GONE, TYPE, RARER, NEW)


def explaining(now: Fields, before: Fields) -> Change | None:
    """Give the field that tells the most: one that nearly all items had, and is gone or changed."""
    return next(_telling(changes(now, before), before), None)


def _telling(found: Iterable[Change], before: Fields) -> Iterator[Change]:
    for change in found:
        if change.what != NEW and _share(before, change.path) >= _USUAL:
            yield change


def _change(
    path: str, now: Mapping[str, Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]]
) -> Change | None:
    is_now, was = _share(now, path), _share(before, path)
    told = (_in_words(before, path), _in_words(now, path))
    if path not in before:
        return Change(path, NEW, *told)
    if path not in now:
        # Of a field that few had, a few items without it prove nothing.
        return Change(path, GONE, *told) if bounds(0, _items(now))[1] < was else None
    if _retyped(now[path]["types"], before[path]["types"]):
        return Change(path, TYPE, *told)
    if was - is_now >= _CHANGED and bounds(now[path]["items"], _items(now))[1] < was:
        return Change(path, RARER, *told)
    return None


def _retyped(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    """Say whether a type that was never seen before has become usual, or a usual one is gone.

    Of a field that has always been of several types, the few values of a small run prove nothing.
    """
    all_now, all_before = sum(now.values()), sum(before.values())
    return any(
        share(count, all_now) - share(before.get(name, 0), all_before) >= _CHANGED
        and bounds(count, all_now)[0] > share(before.get(name, 0), all_before)
        for name, count in now.items()
        if name != "null" or before.get("null", 0) == 0
    )


def _items(fields: Mapping[str, Mapping[str, Any]]) -> int:
    return int(fields.get("", {}).get("items", 0))


def _share(fields: Mapping[str, Mapping[str, Any]], path: str) -> float:
    """Give the share of items that had a field; of those within one, as of all items."""
    return share(int(fields.get(path, {}).get("items", 0)), _items(fields))


def _in_words(fields: Mapping[str, Mapping[str, Any]], path: str) -> str:
    if path not in fields:
        return "not there"
    types = ", ".join(sorted(fields[path]["types"], key=lambda name: -int(fields[path]["types"][name])))
    return f"{types} in {_share(fields, path):.0%}"
