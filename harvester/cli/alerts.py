"""What stands: the matters that somebody was told of and that are not over."""

from __future__ import annotations

from typing import Any

import click

from harvester.cli import session
from harvester.cli.display import as_json, moment, show_json, show_line, show_wrapped
from harvester.wording import counted
from services import preview_shapes

_PAGE = 1_000


@click.command()
@click.option("--over", "key", help="Say that the matter of this key is over, until it comes up again.")
@as_json
def alerts(key: str | None, json_: bool) -> None:
    """List what stands, newest first: since when, and what to do.

    Example: harvester alerts
    """
    with session.services() as services:
        if key is not None and not services.alerts.over(key, by=session.BY):
            raise session.Declined(f"no matter of the key {key!r} stands")
        rows: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            found, after = services.alerts.page(limit=_PAGE, after=after)
            rows += [preview_shapes.alert(one) for one in found]
            if after is None:
                break
    if json_:
        show_json(rows)
        return
    show_line(f"{counted(len(rows), 'matter stands', 'matters stand')}." if rows else "Nothing stands.")
    for row in rows:
        times = "" if row["times"] == 1 else f", {row['times']} times"
        click.echo()
        show_line(f"{row['key']} (since {moment(row['since'])} UTC{times})")
        show_wrapped(row["text"], indent=2)
    if rows:
        click.echo()
        show_line("When one is over, though nobody noticed: harvester alerts --over KEY")
