"""Side work: named pieces of work that wait a lot, on threads of their own, so that nothing else waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Final

from harvester import log

_LOOK_SECONDS: Final = 0.4

_log = log.get_logger(__name__)


class SideWork:
    """Does pieces of work by their names, each name once at a time, until it is told to stop."""

    def __init__(
        self,
        due: Callable[[], Iterable[str]],
        do: Callable[[str], object],
        *,
        threads: int,
        stopping: threading.Event,
    ) -> None:
        """Build it. `stopping` is set when it is told to stop, for what is at hand to look at."""
        self._due = due
        self._do = do
        self._size = threads
        self._queue: SimpleQueue[str] = SimpleQueue()
        self._at_hand: set[str] = set()
        self._lock = threading.Lock()
        self._stopping = stopping
        self._threads: list[threading.Thread] = []
        self._next_look = 0.0

    def look(self) -> None:
        """Take on all that is due, if it was not looked at a moment ago: what waits for others can wait."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        for name in self._due():
            self.offer(name)

    def offer(self, name: str) -> None:
        """Do this when a thread is free, unless it waits or is being done already."""
        with self._lock:
            if name in self._at_hand or self._stopping.is_set():
                return
            self._at_hand.add(name)
            if len(self._threads) < min(self._size, len(self._at_hand)):
                thread = threading.Thread(target=self._works, name=f"side-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._queue.put(name)

    def stop(self, seconds: float) -> None:
        """Take no more, and wait so long for what is at hand."""
        self._stopping.set()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _works(self) -> None:
        while not self._stopping.is_set():
            try:
                name = self._queue.get(timeout=0.2)
            except Empty:
                continue
            try:
                self._do(name)
            except Exception:
                _log.exception("Side work failed: %s", name)
            finally:
                with self._lock:
                    self._at_hand.discard(name)
