"""Cron expressions in a time zone, right on the days on which clocks change. Cronsim does the reckoning.

A time that a clock skips fires when it goes on, and one that it strikes twice fires the first time, as in
Debian's cron: https://manpages.debian.org/cron.8, "special considerations".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from harvester.errors import InvalidInput


def checked(expression: str) -> str:
    """Give a cron expression of five fields with single blanks. Raises `InvalidInput`."""
    fields = expression.split()
    if len(fields) != 5:
        raise InvalidInput("it must have five cron fields: minute, hour, day of month, month, day of week")
    try:
        next(CronSim(" ".join(fields), datetime(2026, 1, 1, tzinfo=UTC)), None)
    except CronSimError as error:
        raise InvalidInput(f"it is no cron expression: {error}") from error
    return " ".join(fields)


def times(expression: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Give, in UTC, the times of an expression in an IANA time zone that come after a moment.

    Ends where there are no more within fifty years. Raises `InvalidInput`.
    """
    try:
        found = CronSim(checked(expression), after.astimezone(ZoneInfo(timezone)))
        for moment in found:
            yield moment.astimezone(UTC)
    except CronSimError as error:
        raise InvalidInput(f"it is no cron expression: {error}") from error


def following(expression: str, timezone: str, *, after: datetime) -> datetime | None:
    """Give the first of them; None if there is none."""
    return next(times(expression, timezone, after=after), None)
