"""Faults on demand: what goes wrong, where, how often. Repeatable from the seed."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from harvester.sandbox.fault_book import Book, Rule

Kind = Literal[
    # nothing happens, and the caller may or may not be told
    "reset",  # the connection is reset before anything is done
    "too-fast",  # 429, and the lock-out begins
    "capped",  # 429: the month's calls are used up
    "bad-gateway",  # 502 with a page of HTML
    "unavailable",  # 503, with Retry-After if `retry_after` is given
    "unauthorized",  # 401
    "forbidden",  # 403
    "iterator-expired",  # 422 to the next page of a list
    # it happens
    "slow",  # `seconds` before it happens
    "answer-lost",  # the connection closes without an answer
    "answer-late",  # the answer comes `seconds` later
    "bad-gateway-after",  # 502 although it was done
    # it happens wrongly
    "racy-upsert",  # `seconds` between looking for matches and writing: two upserts of a new key both create
]


@dataclass(frozen=True, kw_only=True)
class Fault(Rule):
    """One rule: what it matches, how likely it fires, how many matches it lets pass, how often it fires."""

    kind: Kind
    method: str = "*"
    #: A base's ID; "*": any request, of a base or not.
    base: str = "*"
    #: A table's ID or name.
    table: str = "*"
    #: Shell pattern over the path without its query.
    path: str = "*"
    #: Real seconds of `slow`, `answer-late` and `racy-upsert`.
    seconds: float = 0.2
    #: The `Retry-After` of `unavailable`, in seconds.
    retry_after: int | None = None

    @classmethod
    def kinds(cls) -> tuple[str, ...]:
        """The kinds that there are."""
        return get_args(Kind)


@dataclass(frozen=True)
class Occasion:
    """A request, as far as faults are concerned."""

    method: str
    path: str
    base: str = ""
    #: The table's ID and name.
    table: tuple[str, ...] = ()


class FaultBook(Book[Fault]):
    """The faults in force. Thread-safe."""

    def take(self, occasion: Occasion, *kinds: Kind) -> Fault | None:
        """The first that fires now, of these kinds, for this occasion; all that fire count as used."""
        fired = self.fire(kinds, lambda fault: _fits(fault, occasion))
        return fired[0] if fired else None


def _fits(fault: Fault, occasion: Occasion) -> bool:
    of_base = fault.base in ("*", occasion.base)
    of_table = fault.table == "*" or fault.table in occasion.table
    of_method = fault.method in ("*", occasion.method)
    return of_base and of_table and of_method and fnmatchcase(occasion.path, fault.path)
