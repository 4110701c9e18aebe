"""Lanes: requests on their way side by side, while the next ones are made ready.

An answer takes longer than the gap between two requests, and so may making one ready: whoever waited for
either would not keep up with the pace that Airtable allows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from itertools import count
from queue import SimpleQueue
from types import TracebackType


class Lanes:
    """Threads for the length of one turn, fed by one thread. A process that ends leaves them behind."""

    def __init__(self, most: int, *, harmless: tuple[type[BaseException], ...]) -> None:
        """Build it, for so many requests at once. Of several errors one that is not `harmless` is raised."""
        self._most = most
        self._harmless = harmless
        self._numbers = count()
        self._on_way: dict[int, frozenset[int]] = {}
        self._ended: SimpleQueue[tuple[int, BaseException | None]] = SimpleQueue()

    @property
    def rows(self) -> set[int]:
        """The IDs of the rows that are on their way."""
        return set().union(*self._on_way.values())

    def put(self, row_ids: Collection[int], send: Callable[[], None]) -> None:
        """Send these rows as soon as there is room. Raises what went wrong with those before."""
        self._until(self._most - 1)
        number = next(self._numbers)
        self._on_way[number] = frozenset(row_ids)
        threading.Thread(target=self._sent, args=(number, send), name=f"lane-{number}", daemon=True).start()

    def wait(self) -> None:
        """Wait until nothing is on its way. Raises what went wrong."""
        self._until(0)

    def _sent(self, number: int, send: Callable[[], None]) -> None:
        try:
            send()
        except BaseException as error:
            self._ended.put((number, error))
        else:
            self._ended.put((number, None))

    def _until(self, left: int) -> None:
        errors: list[BaseException] = []
        while len(self._on_way) > (0 if errors else left):  # after an error nothing is begun
            number, error = self._ended.get()
            del self._on_way[number]
            errors += [error] if error is not None else []
        if errors:
            raise next((error for error in errors if not isinstance(error, self._harmless)), errors[0])

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._on_way:
            del self._on_way[self._ended.get()[0]]
