"""How much is too much: requests of any second per base and token, calls of a month per workspace."""

import itertools
import threading
import time
from collections import Counter, deque

from harvester.sandbox.airtable.errors import capped, too_fast
from harvester.sandbox.airtable.options import Options


class _Window:
    def __init__(self, most: int) -> None:
        self._most = most
        self._times: deque[float] = deque()
        self.locked_until = 0.0

    def admits(self, now: float, second: float) -> bool:
        """Count a request; False when it is one too many."""
        while self._times and self._times[0] <= now - second:
            self._times.popleft()
        if self._most and len(self._times) >= self._most:
            return False
        self._times.append(now)
        return True


class Limits:
    """Counts requests. Thread-safe."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._shapes = itertools.cycle((False, True))
        self.reset()

    def reset(self) -> None:
        """As on the first day of a month without requests."""
        with self._lock:
            self._token = _Window(self._options.token_requests)
            self._bases: dict[str, _Window] = {}
            self._calls: Counter[str] = Counter()

    def admit(self, base: str | None) -> None:
        """Count a request. Raises `ApiError` 429, and locks out who was too fast."""
        windows = [self._token]
        with self._lock:
            if base is not None:
                windows.append(self._window(base))
            for window in windows:
                self._admit(window)

    def charge(self, workspace: str) -> None:
        """Count a call of the month. Raises `ApiError` 429 when there are none left."""
        with self._lock:
            if self._options.workspace_calls is not None and (
                self._calls[workspace] >= self._options.workspace_calls
            ):
                raise capped()
            self._calls[workspace] += 1

    def lock_out(self, base: str | None) -> None:
        """Refuse everything for a base (or at all) as after too many requests. Raises `ApiError` 429."""
        with self._lock:
            self._shut(self._token if base is None else self._window(base))

    def new_month(self) -> None:
        """Let every workspace have its calls again."""
        with self._lock:
            self._calls.clear()

    def _window(self, base: str) -> _Window:
        return self._bases.setdefault(base, _Window(self._options.base_requests))

    def _admit(self, window: _Window) -> None:
        now = time.monotonic()
        if now < window.locked_until:
            raise self._refusal()
        if not window.admits(now, self._options.scaled(1.0)):
            self._shut(window)

    def _shut(self, window: _Window) -> None:
        window.locked_until = time.monotonic() + self._options.scaled(self._options.lockout_seconds)
        raise self._refusal()

    def _refusal(self) -> Exception:
        shape = self._options.too_fast_shape
        return too_fast(next(self._shapes) if shape == "alternating" else shape == "observed")
