"""A bell: threads that wait for work are woken when there is some, and need not look often."""

from __future__ import annotations

import threading


class Bell:
    """Wakes the threads of this process that wait. Safe to use from any of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._rung = 0

    def ring(self) -> None:
        """Wake all that wait, and whoever has read `count` before and waits later."""
        with self._changed:
            self._rung += 1
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """How often it rang so far."""
        return self._rung

    def wait(self, seconds: float, *, heard: int) -> None:
        """Wait until it has rung more than `heard` times, or until so many seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._rung != heard, timeout=seconds)
