"""Whether Airtable can be reached, as one check finds out: it asks anew, but not every base in vain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, TypeVar

from harvester.airtable_errors import AirtableError, Blocked, Capped, Denied, Unavailable

#: What breaks off is asked for anew so often: what was read of a list may be read twice and counts once.
_ATTEMPTS: Final = 3
#: Tables in a row that cannot be reached; no other is asked for then.
_LOST: Final = 2

T = TypeVar("T")


class Reach:
    """Asks again after `lockout` for what may pass. What cannot be reached is asked for twice, and as long as
    the last table could not be, once.

    `pause` waits so many seconds, unless it is told to stop, and then says so: the error at hand is raised.
    """

    def __init__(
        self, clock: Callable[[], datetime], pause: Callable[[float], object], lockout: timedelta
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._lockout = lockout
        self._in_vain = 0

    @property
    def lost(self) -> bool:
        """True once it is clear that Airtable cannot be reached."""
        return self._in_vain >= _LOST

    def __call__(self, ask: Callable[[], T]) -> T:
        """Give what is answered. Raises `AirtableError`."""
        unreached: AirtableError | None = None
        for left in reversed(range(_ATTEMPTS)):
            try:
                return ask()
            except AirtableError as error:
                again = unreached is not None or self._in_vain > 0
                unreached = error if _is_out(error) else unreached
                ended = not left or (again and unreached is error) or not self._will_pass(error)
                if ended or self._pause(self._lockout.total_seconds()):
                    if unreached is not None and isinstance(error, Blocked):
                        raise unreached from error  # our own gate is shut because of it
                    raise
        raise AssertionError("the last attempt returns or raises")

    def answered(self) -> None:
        """A table was read."""
        self._in_vain = 0

    def failed(self, error: AirtableError, *, vital: bool) -> None:
        """A table was given up. `vital`: if this one cannot be reached, no other is asked for."""
        if _is_out(error):
            self._in_vain += _LOST if vital else 1
        elif not isinstance(error, Blocked):
            self._in_vain = 0

    def _will_pass(self, error: AirtableError) -> bool:
        """Say whether it is worth while to wait: for what ends by itself, and soon."""
        if isinstance(error, Blocked):
            return error.until - self._clock() <= 2 * self._lockout
        return not error.permanent and not isinstance(error, Capped)


def _is_out(error: AirtableError) -> bool:
    """Say whether nothing was answered. Who loses its place in a list again and again has answered."""
    return isinstance(error, Unavailable) and not isinstance(error.__cause__, Denied)
