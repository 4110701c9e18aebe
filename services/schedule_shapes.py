"""How a schedule looks from outside: the JSON of the HTTP API and of `harvester schedule --json`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from harvester import cron
from harvester.ledger.schedules import Schedule
from services.shapes import time

#: The next times that are shown.
TIMES: Final = 5


def schedule(
    name: str,
    said: tuple[str, str],
    row: Schedule | None,
    times: Sequence[datetime],
    *,
    error: str | None = None,
) -> dict[str, Any]:
    """Show one: `said` is its expression and its time zone, `times` are the next ones.

    `row` is None until a worker has taken the schedule up.
    """
    expression, timezone = said
    return {
        "name": name,
        "clientId": row.client_id if row is not None else Schedule(name, *said, None).client_id,
        "expression": expression,
        "timezone": timezone,
        "nextAt": time(times[0]) if times else None,
        "lastAt": time(row.last_at) if row is not None else None,
        "firedAt": time(row.fired_at) if row is not None else None,
        "takenUp": row is not None and (row.expression, row.timezone) == said,
        "nextTimes": [{"utc": time(one), "local": _local(one, timezone)} for one in times],
        "error": error,
    }


def _local(moment: datetime, timezone: str) -> str:
    """Show a moment with the offset of its zone, which says which of two is meant where clocks go back."""
    return moment.astimezone(cron.zone_of(timezone)).isoformat(timespec="seconds")
