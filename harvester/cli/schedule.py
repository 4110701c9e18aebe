"""Schedule: what starts by itself, and when."""

from __future__ import annotations

from typing import Any, Final

import click

from harvester.cli import session
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.wording import counted
from services import Services

_PAGE: Final = 500
_MISSED: Final = {
    "last": "of missed times the last one is caught up",
    "skip": "missed times are passed over",
    "all": "missed times are made good one after the other",
}
_NOTHING: Final = (
    "Nothing starts by itself. Set SCHEDULE, give a client a schedule (harvester clients set ID --schedule), "
    "or call harvester process from a crontab."
)


@click.command()
@as_json
def schedule(json_: bool) -> None:
    """Show what starts by itself: each schedule with its last time and the next five.

    All clients go by SCHEDULE in SCHEDULE_TIMEZONE, but those that have a schedule of their own, which goes
    by their time zone. A running worker takes changes up within a minute.

    Example: harvester schedule
    """
    with session.services() as services:
        found = _every(services)
        missed = services.schedule.rules.missed
    if json_:
        show_json({"schedules": found, "missed": missed})
        return
    if not found:
        show_line(_NOTHING)
        return
    columns = ("Schedule", "Expression", "Time zone", "Last (UTC)", "Next (UTC)", "Next times there")
    title = f"{counted(len(found), 'schedule')}; {_MISSED[missed]}"
    show_table(title, columns, [_row(one) for one in found], spare=("Next times there", "Last (UTC)"))
    for one in found:
        if one["error"]:
            show_line(f"{one['name']} starts nothing: {one['error']}.")
    if not all(one["takenUp"] or one["error"] for one in found):
        show_line("Some are not taken up by a worker yet: one does so within a minute while it runs.")


def _every(services: Services) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = services.schedule.listing(limit=_PAGE, after=after)
        found += page.rows
        after = page.next_cursor
        if after is None:
            return found


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    there = ", ".join(_there(time["local"]) for time in one["nextTimes"])
    return (
        one["name"],
        one["expression"],
        one["timezone"],
        moment(one["lastAt"]) or "-",
        moment(one["nextAt"]) or "-",
        there or "-",
    )


def _there(local: str) -> str:
    """Show `2026-11-23T05:00:00+11:00` as `2026-11-23 05:00 +11:00`."""
    return f"{local[:10]} {local[11:16]} {local[19:]}"
