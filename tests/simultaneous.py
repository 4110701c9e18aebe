"""Calls at the same moment, from as many threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Make each call in a thread of its own, all at the same moment, and give what came back, in order.

    Raises what a call raised.
    """
    waiting = list(calls)
    together = threading.Barrier(len(waiting), timeout=60)

    def go(call: Callable[[], T]) -> T:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(waiting)) as threads:
        return list(threads.map(go, waiting))
