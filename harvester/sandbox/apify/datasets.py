"""Datasets that fill while their run works: items given or generated, counted without being held."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from harvester.sandbox.apify.pricing import Tariff
from harvester.sandbox.clock import new_id

T = TypeVar("T")


class Part(Protocol):
    """A stretch of a dataset."""

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Iterator[Any]:
        """Items of a range."""

    def charges(self, count: int) -> Iterator[str | None]:
        """The event that each of the first `count` items is charged as."""


class Given:
    """Items that somebody handed over; of a sequence that is no list, each is asked for when it is read."""

    def __init__(self, items: Sequence[Any], tariff: Tariff) -> None:
        self._items = list(items) if isinstance(items, list) else items
        self._tariff = tariff

    def __len__(self) -> int:
        return len(self._items)

    def read(self, start: int, stop: int) -> Iterator[Any]:
        """Items of a range."""
        return iter(self._items[start:stop])

    def charges(self, count: int) -> Iterator[str | None]:
        """Those that look like the actor's own; what does not is free."""
        return map(self._tariff.event_of, islice(self._items, count))


class Generated(Generic[T]):
    """Items made from recipes each time they are read."""

    def __init__(
        self, recipes: Sequence[T], build: Callable[[T], Any], charge: Callable[[T], str | None]
    ) -> None:
        self._recipes = recipes
        self._build = build
        self._charge = charge

    def __len__(self) -> int:
        return len(self._recipes)

    def read(self, start: int, stop: int) -> Iterator[Any]:
        """Items of a range, built one by one."""
        return map(self._build, self._recipes[start:stop])

    def charges(self, count: int) -> Iterator[str | None]:
        """By recipe, without building the items."""
        return map(self._charge, islice(self._recipes, count))


class _Stretch(NamedTuple):
    """From `since` on, `base` items and so many more each second, up to `target`."""

    since: float
    base: int
    rate: float
    target: int

    def count(self, at: float) -> int:
        return min(self.target, self.base + int((at - self.since) * self.rate))


class Dataset:
    """A dataset and its growth over time. Moments are seconds of the monotonic clock."""

    def __init__(self, parts: Sequence[Part], created_at: datetime, tariff: Tariff) -> None:
        self.id = new_id()
        self._tariff = tariff
        self.created_at = created_at
        self.read_count = 0
        self._growth: list[_Stretch] = []
        self._fill(parts)

    def _fill(self, parts: Sequence[Part]) -> None:
        self._parts = list(parts)
        self.length = sum(map(len, parts))
        self._charged: dict[int, Counter[str]] = {}

    def begin(self, at: float, seconds: float, target: int) -> None:
        """Let items arrive evenly from now on, up to `target`; `seconds` is what all of them would take."""
        base = self.count(at)
        rate = (self.length - base) / max(seconds, 1e-6)
        self._growth.append(_Stretch(at, base, rate, max(target, base)))

    def freeze(self, at: float, *, complete: bool = False) -> None:
        """Nothing arrives any more; `complete`: what was to come is all there."""
        count = self.count(at)
        if complete and self._growth:
            count = self._growth[-1].target
        self._growth.append(_Stretch(at, count, 0.0, count))

    def replace(self, items: Sequence[Any], at: float) -> None:
        """Exactly these items from now on, all of them there."""
        self._fill([Given(items, self._tariff)])
        self._growth = [_Stretch(at, self.length, 0.0, self.length)]

    def count(self, at: float) -> int:
        """How many items were there at a moment."""
        begun = [stretch for stretch in self._growth if stretch.since <= at]
        return begun[-1].count(at) if begun else 0

    def charged(self, count: int) -> Counter[str]:
        """Events that the first `count` items are charged as."""
        if count not in self._charged:
            self._charged = {count: Counter(event for event in self._charges(count) if event)}
        return self._charged[count]

    def affordable(self, budget: int) -> int:
        """How many leading items so many price units pay for."""
        for index, event in enumerate(self._charges(self.length)):
            budget -= self._tariff.prices[event] if event else 0
            if budget < 0:
                return index
        return self.length

    def read(self, start: int, stop: int) -> Iterator[Any]:
        """Items of a range, generated as they are asked for."""
        for part in self._parts:
            yield from part.read(max(0, start), max(0, min(stop, len(part))))
            start, stop = start - len(part), stop - len(part)

    def _charges(self, count: int) -> Iterator[str | None]:
        for part in self._parts:
            yield from part.charges(max(0, min(count, len(part))))
            count -= len(part)
