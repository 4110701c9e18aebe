"""A client's own day."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo


def day_start(timezone: str, now: datetime) -> datetime:
    """Give the moment, in UTC, at which the day of `now` began in an IANA time zone."""
    zone = ZoneInfo(timezone)
    return datetime.combine(now.astimezone(zone).date(), time.min, tzinfo=zone).astimezone(UTC)
