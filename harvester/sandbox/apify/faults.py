"""Faults on demand: what goes wrong, where, how often. Repeatable from the seed."""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, get_args

Kind = Literal[
    # HTTP answers, by method and path
    "slow",
    "rate-limit",
    "server-error",
    "refused",
    "answer-lost",
    "reset",
    "truncated",
    # starts of actor runs
    "memory-limit",
    "concurrency-limit",
    # actor runs, by a piece of their INPUT
    "run-slow",
    "run-fail",
    "run-abort",
    "run-timeout",
    # webhooks, by a piece of "<event type> <request URL>"
    "webhook-drop",
    "webhook-double",
    "webhook-delay",
]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule: what it matches, how likely it fires, how many matches it lets pass, how often it fires."""

    kind: Kind
    method: str = "*"
    #: Shell pattern over the path without its query; `/v2/acts/` counts as `/v2/actors/`.
    path: str = "*"
    #: Substring of the INPUT (run-…) or of event type and URL (webhook-…).
    match: str = ""
    probability: float = 1.0
    times: int | None = None
    skip: int = 0
    #: Real seconds of `slow`, `run-slow` (the run's duration) and `webhook-delay`.
    seconds: float = 1.0
    #: Answer of `server-error` (500 unless given) and `refused` (403 unless given).
    status: int | None = None
    type: str = "platform-feature-disabled"
    message: str = "Monthly usage hard limit exceeded"

    @classmethod
    def parse(cls, given: Any) -> "Fault":
        """A fault from JSON. Raises `ValueError` naming what is wrong."""
        if not isinstance(given, Mapping):
            raise ValueError("a fault must be an object")
        unknown = set(given) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
        if given.get("kind") not in get_args(Kind):
            raise ValueError(f"kind must be one of: {', '.join(get_args(Kind))}")
        return cls(**given)


@dataclass
class _Armed:
    fault: Fault
    skip: int
    left: int | None


class FaultBook:
    """The faults in force. Thread-safe."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(f"faults/{seed}")
        self._armed: list[_Armed] = []
        self._lock = threading.Lock()

    def put(self, faults: Iterable[Fault]) -> None:
        """Replace all faults."""
        armed = [_Armed(fault, fault.skip, fault.times) for fault in faults]
        with self._lock:
            self._armed = armed

    def add(self, fault: Fault) -> None:
        """One more fault, after those in force."""
        with self._lock:
            self._armed.append(_Armed(fault, fault.skip, fault.times))

    def all(self) -> list[Fault]:
        """The faults in force, each with the `skip` and `times` that it has left."""
        with self._lock:
            return [replace(armed.fault, skip=armed.skip, times=armed.left) for armed in self._armed]

    def as_json(self) -> list[dict[str, Any]]:
        """The faults in force, for an answer."""
        return [asdict(fault) for fault in self.all()]

    def take(self, *kinds: Kind, method: str = "*", path: str = "*", text: str = "") -> list[Fault]:
        """Those that fire now, of these kinds, for this occasion; each counts as used."""
        with self._lock:
            matching = [
                one for one in self._armed if one.fault.kind in kinds and _fits(one.fault, method, path, text)
            ]
            return [one.fault for one in matching if self._fires(one)]

    def _fires(self, armed: _Armed) -> bool:
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


def _fits(fault: Fault, method: str, path: str, text: str) -> bool:
    of_path = path == "*" or fnmatchcase(path, fault.path)
    of_method = method == "*" or fault.method in ("*", method)
    return of_path and of_method and fault.match in text
