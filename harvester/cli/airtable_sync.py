"""Sending Airtable what it is owed, with its progress."""

from __future__ import annotations

import sys
from typing import Final

import click

from harvester.cli import session
from harvester.cli.airtable import with_airtable
from harvester.cli.arguments import Seconds
from harvester.cli.display import as_json, show_json, show_line
from harvester.cli.long_work import bar, interruptible
from harvester.wording import counted

_STATE: Final = "What was sent is sent; a worker sends the rest, or this command when it is run again."


@click.command(short_help="Send what Airtable is owed, now.")
@click.option(
    "--seconds", type=Seconds(1, 86_400), default=300, show_default=True, help="Stop after so long."
)
@as_json
def sync(seconds: float, json_: bool) -> None:
    """Send Airtable what it is owed, from here, and show how far that is.

    Workers do so by themselves, and may go on beside it. Nothing is lost while it waits. Can be interrupted,
    and repeated, at any time.

    Example: harvester airtable sync
    """
    with interruptible(_STATE), with_airtable() as services, bar("Sending", "Sent") as told:
        from services import airtable_sync  # with Airtable's client, which takes half a second to import

        assert services.airtable is not None
        threads = services.settings.airtable_threads
        left = airtable_sync.sync(services.airtable, seconds=seconds, threads=threads, told=told)
    show_json(left) if json_ else _show(left)
    if left["waiting"] or left["parked"]:
        sys.exit(session.EXIT_REFUSED)


def _show(left: dict[str, int]) -> None:
    if not left["waiting"]:
        show_line("Airtable is owed nothing.")
    else:
        show_line(f"{counted(left['waiting'], 'row still waits', 'rows still wait')} to be sent.")
    if left["parked"]:
        show_line(f"{counted(left['parked'], 'row was', 'rows were')} refused by Airtable.")
    if left["waiting"] or left["parked"]:
        show_line("Why: harvester airtable usage")
