"""A client's own day, and the calendar month of the account."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo


def day_start(timezone: str, now: datetime) -> datetime:
    """Give the moment, in UTC, at which the day of `now` began in an IANA time zone."""
    zone = ZoneInfo(timezone)
    return datetime.combine(now.astimezone(zone).date(), time.min, tzinfo=zone).astimezone(UTC)


def month_start(now: datetime) -> datetime:
    """Give the moment at which the calendar month of `now` began, in UTC, as Apify's usage cycles do."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
