"""What really happened, for tests to compare with: requests, refusals, rows, duplicates."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from harvester.sandbox.airtable.model import Base, Table, duplicates

#: By base ID, by table name.
Counts = dict[str, dict[str, int]]
#: Most requests that are remembered one by one.
_REMEMBERED = 200_000


@dataclass(frozen=True)
class Request:
    """A request that was answered, or whose answer was lost (status 0)."""

    #: Seconds since the sandbox was made.
    at: float
    method: str
    #: The path with `<base>`, `<table>` and `<record>` for what they name.
    route: str
    base: str
    #: The table's name, or "".
    table: str
    status: int
    #: Records that were written or listed.
    rows: int


@dataclass(frozen=True)
class Ledger:
    """A snapshot of everything that the sandbox did."""

    requests: list[Request]
    #: Records now, and how many were ever created, changed and deleted through the API or by a person.
    rows: Counts
    created: Counts
    updated: Counts
    deleted: Counts
    #: By base ID, by table name: the values of the primary field that several records hold, with their IDs.
    duplicates: dict[str, dict[str, dict[str, list[str]]]]

    def calls(self, *, method: str = "", base: str = "", table: str = "", status: int | None = None) -> int:
        """How many requests, of that kind if one is given."""
        return sum(
            method in ("", one.method)
            and base in ("", one.base)
            and table in ("", one.table)
            and status in (None, one.status)
            for one in self.requests
        )

    @property
    def too_many(self) -> int:
        """How many answers were 429, for whatever reason."""
        return self.calls(status=429)

    def by_route(self) -> dict[str, int]:
        """Requests by "<METHOD> <route> <base> <status>"."""
        return dict(Counter(f"{one.method} {one.route} {one.base} {one.status}" for one in self.requests))


class Oracle:
    """Counts requests as they are answered. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._requests: list[Request] = []

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self._requests = []

    def answered(self, method: str, route: str, base: str, table: str, status: int, rows: int) -> None:
        """A request was answered; status 0: not at all."""
        at = time.monotonic() - self._began
        with self._lock:
            if len(self._requests) < _REMEMBERED:
                self._requests.append(Request(at, method, route, base, table, status, rows))

    def snapshot(self, bases: Iterable[Base]) -> Ledger:
        """Everything so far, with what the bases hold."""
        held = list(bases)
        with self._lock:
            requests = list(self._requests)
        with ExitStack() as locks:
            for base in sorted(held, key=lambda one: one.id):
                locks.enter_context(base.lock)
            return Ledger(
                requests,
                dict(_each(held, lambda table: len(table.records))),
                dict(_each(held, lambda table: table.created)),
                dict(_each(held, lambda table: table.updated)),
                dict(_each(held, lambda table: table.deleted)),
                {base.id: dict(_doubled(base)) for base in held},
            )


def _each(bases: list[Base], count: Callable[[Table], int]) -> Iterator[tuple[str, dict[str, int]]]:
    for base in bases:
        yield base.id, {table.name: count(table) for table in base.tables.values()}


def _doubled(base: Base) -> Iterator[tuple[str, dict[str, list[str]]]]:
    for table in base.tables.values():
        found = duplicates(table.records.values(), table.primary.id) if table.fields else {}
        if found:
            yield table.name, found
