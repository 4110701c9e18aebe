"""Cron expressions in a time zone, right on the days on which clocks change.

Cronsim reckons on the face of a clock alone, and each such time is made a moment here: its own way with zones
(2.7) passes over times on days whose clocks change by half an hour, such as `0 */3 * * *` in Lord Howe.

The rule is that of Debian's cron (https://manpages.debian.org/cron.8, "special considerations"). Set times,
such as `30 1 * * *`, come once: one that the clock skips comes when it goes on, and one that it strikes twice
comes the first time. Steady ones, whose minute or hour begins with a star, such as `*/15 * * * *`, keep to
what the clock shows: none for what it skips, two for what it strikes twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from harvester.errors import InvalidInput

_EPOCH: Final = datetime(2026, 1, 1)  # noqa: DTZ001  # the face of a clock
_MINUTE: Final = timedelta(minutes=1)
_LONGEST_CHARS: Final = 500


def checked(expression: str) -> str:
    """Give a cron expression of five fields with single blanks. Raises `InvalidInput`."""
    fields = expression.split()
    if len(fields) != 5 or len(expression) > _LONGEST_CHARS:
        raise InvalidInput("it must have five cron fields: minute, hour, day of month, month, day of week")
    try:
        found = next(CronSim(" ".join(fields), _EPOCH), None)
    except (CronSimError, ValueError) as error:  # the latter for a number of thousands of digits
        reason = error if isinstance(error, CronSimError) else "Bad number"
        raise InvalidInput(f"it is no cron expression: {reason}") from error
    if found is None:
        raise InvalidInput("it is a cron expression of a time that never comes")
    return " ".join(fields)


def times(expression: str, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Give, in UTC and in order, the times of an expression in an IANA time zone that come after a moment.

    Ends where there are no more within fifty years. Raises `InvalidInput`.
    """
    zone = zone_of(timezone)
    faces = CronSim(checked(expression), _before(after.astimezone(zone)))
    found = _once(faces, zone) if _is_set(faces) else _steadily(faces, zone)
    last = after
    for moment in found:
        if moment > last:
            last = moment
            yield moment


def following(expression: str, timezone: str, *, after: datetime) -> datetime | None:
    """Give the first of them; None if there is none."""
    return next(times(expression, timezone, after=after), None)


def latest(
    expression: str, timezone: str, *, since: datetime, until: datetime, most: int = 1
) -> list[datetime]:
    """Give the last times from `since` to `until`, both included, at most so many, in order.

    However long ago `since` is: it looks back from `until`, ever further.
    """
    back = timedelta(hours=1)
    while True:
        start = max(since, until - back)
        found: deque[datetime] = deque(maxlen=most)
        for moment in times(expression, timezone, after=start - timedelta(microseconds=1)):
            if moment > until:
                break
            found.append(moment)
        if len(found) == most or start == since:
            return list(found)
        back *= 4


def upcoming(expression: str, timezone: str, *, start: datetime, count: int) -> list[datetime]:
    """Give the first times from `start` on, which counts itself."""
    return list(islice(times(expression, timezone, after=start - timedelta(microseconds=1)), count))


def zone_of(timezone: str) -> ZoneInfo:
    """Give an IANA time zone. Raises `InvalidInput`."""
    try:
        return ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):  # OSError: "Europe" is a folder
        raise InvalidInput("it is no time zone of the IANA database") from None


def _is_set(faces: CronSim) -> bool:
    """Tell set times from steady ones. What comes but once a day is set, however it is written."""
    starred = faces.parts[1].startswith("*") or faces.parts[2].startswith("*")
    return not starred or len(faces.minutes) == len(faces.hours) == 1


def _before(local: datetime) -> datetime:
    """Give the face of the clock from which on to look: of an hour that comes again, that of both."""
    put_back = (local.utcoffset() or timedelta(0)) - (local.replace(fold=1).utcoffset() or timedelta(0))
    return local.replace(tzinfo=None, fold=0) - max(put_back, timedelta(0))


def _once(faces: Iterator[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    for face in faces:
        while not _is_shown(face, zone):
            face += _MINUTE
        yield face.replace(tzinfo=zone).astimezone(UTC)


def _steadily(faces: Iterator[datetime], zone: ZoneInfo) -> Iterator[datetime]:
    """The second time around comes after all of the first; until then it waits."""
    again: deque[datetime] = deque()
    for face in faces:
        if not _is_shown(face, zone):
            continue
        first, second = (face.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        while again and again[0] < first:
            yield again.popleft()
        yield first
        if second != first:
            again.append(second)
    yield from again


def _is_shown(face: datetime, zone: ZoneInfo) -> bool:
    """Say whether a clock there ever shows this."""
    return face.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) == face
