"""Faults on demand: what goes wrong, where, how often. Repeatable from the seed."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from harvester.sandbox.fault_book import Book, Rule

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
    # targets of actor runs, each by its piece of the INPUT: an error item, and the run goes on
    "target-error",
    # webhooks, by a piece of "<event type> <request URL>"
    "webhook-drop",
    "webhook-double",
    "webhook-delay",
]


@dataclass(frozen=True, kw_only=True)
class Fault(Rule):
    """One rule: what it matches, how likely it fires, how many matches it lets pass, how often it fires."""

    kind: Kind
    method: str = "*"
    #: Shell pattern over the path without its query; `/v2/acts/` counts as `/v2/actors/`.
    path: str = "*"
    #: Substring of the INPUT (run-…), of a target (target-…) or of event type and URL (webhook-…).
    match: str = ""
    #: Real seconds of `slow`, `run-slow` (the run's duration) and `webhook-delay`.
    seconds: float = 1.0
    #: Answer of `server-error` (500 unless given) and `refused` (403 unless given).
    status: int | None = None
    type: str = "platform-feature-disabled"
    message: str = "Monthly usage hard limit exceeded"

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds that there are."""
        return get_args(Kind)


class FaultBook(Book[Fault]):
    """The faults in force. Thread-safe."""

    def take(self, *kinds: Kind, method: str = "*", path: str = "*", text: str = "") -> list[Fault]:
        """Those that fire now, of these kinds, for this occasion; each counts as used."""
        return self.fire(kinds, lambda fault: _fits(fault, method, path, text))


def _fits(fault: Fault, method: str, path: str, text: str) -> bool:
    of_path = path == "*" or fnmatchcase(path, fault.path)
    of_method = method == "*" or fault.method in ("*", method)
    return of_path and of_method and fault.match in text
