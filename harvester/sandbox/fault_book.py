"""What goes wrong on demand: rules in force, how often each fires. Repeatable from the seed."""

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Generic, Self, TypeVar


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What every fault has: how likely it fires, how many matches it lets pass, how often it fires."""

    kind: str
    probability: float = 1.0
    times: int | None = None
    skip: int = 0

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds that there are."""
        raise NotImplementedError

    @classmethod
    def parse(cls, given: Any) -> Self:
        """A fault from JSON. Raises `ValueError` naming what is wrong."""
        if not isinstance(given, Mapping):
            raise ValueError("a fault must be an object")
        unknown = set(given) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        if given.get("kind") not in cls.kinds():
            raise ValueError(f"kind must be one of: {', '.join(cls.kinds())}")
        return cls(**given)


R = TypeVar("R", bound=Rule)


@dataclass
class _Armed(Generic[R]):
    fault: R
    skip: int
    left: int | None


class Book(Generic[R]):
    """The faults in force. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"faults/{seed}")  # nosec B311 # repeatable chance, no cryptography
        self._armed: list[_Armed[R]] = []
        self._lock = threading.Lock()

    def put(self, faults: Iterable[R]) -> None:
        """Replace all faults."""
        armed = [_Armed(fault, fault.skip, fault.times) for fault in faults]
        with self._lock:
            self._armed = armed

    def add(self, fault: R) -> None:
        """One more fault, after those in force."""
        with self._lock:
            self._armed.append(_Armed(fault, fault.skip, fault.times))

    def all(self) -> list[R]:
        """The faults in force, each with the `skip` and `times` that it has left."""
        with self._lock:
            return [replace(armed.fault, skip=armed.skip, times=armed.left) for armed in self._armed]

    def as_json(self) -> list[dict[str, Any]]:
        """The faults in force, for an answer."""
        return [asdict(fault) for fault in self.all()]

    def fire(self, kinds: tuple[str, ...], fits: Callable[[R], bool]) -> list[R]:
        """Those of these kinds that fit and fire now; each counts as used."""
        with self._lock:
            matching = [one for one in self._armed if one.fault.kind in kinds and fits(one.fault)]
            return [one.fault for one in matching if self._fires(one)]

    def _fires(self, armed: _Armed[R]) -> bool:
        if armed.left == 0:
            return False
        if armed.skip > 0:
            armed.skip -= 1
            return False
        if armed.fault.probability < 1.0 and self._chance.random() >= armed.fault.probability:
            return False
        if armed.left is not None:
            armed.left -= 1
        return True
