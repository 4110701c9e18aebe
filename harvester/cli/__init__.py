"""The commands. Thin: each reads its arguments, calls one service, and shows what came of it."""

from __future__ import annotations

from typing import Any

import click

from harvester import __version__
from harvester.cli import (
    adopt,
    airtable,
    alerts,
    canary,
    check,
    clients,
    demo,
    doctor,
    jobs,
    keeping,
    leads,
    money,
    posts,
    processes,
    reconcile,
    repairs,
    run_actions,
    runs,
    schedule,
)
from harvester.cli.output import to_be_written

_EPILOG = """Exit codes: 0 done, 1 failed, 2 bad arguments or settings, 3 refused or only done in part.

Example: harvester clients add Guy-Wilson --name "Guy Wilson"
"""


class _Commands(click.Group):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse what is no text: an argument of other bytes comes with half characters in their place."""
        for arg in args:
            if any("\ud800" <= character <= "\udfff" for character in arg):
                raise click.UsageError(f"this argument is not UTF-8 text: {arg!a}")
        return super().parse_args(ctx, args)

    def main(self, *arguments: Any, **more: Any) -> Any:
        """Run a command, and end in one line where what it shows cannot be written."""
        with to_be_written():
            return super().main(*arguments, **more)


@click.group(cls=_Commands, epilog=_EPILOG)
@click.version_option(__version__, prog_name="harvester")
def main() -> None:
    """Harvest the LinkedIn posts of your clients' leads through Apify."""


for _command in (
    demo.demo,
    processes.serve,
    processes.worker,
    processes.migrate,
    processes.hash_password,
    clients.clients,
    leads.leads,
    runs.kickoff,
    jobs.process,
    jobs.resume,
    jobs.jobs,
    runs.runs,
    runs.status,
    canary.canary,
    alerts.alerts,
    run_actions.cancel,
    run_actions.retry,
    money.pause,
    money.costs,
    posts.posts,
    posts.deliveries,
    keeping.backup,
    keeping.restore,
    keeping.prune,
    schedule.schedule,
    reconcile.reconcile,
    repairs.replay,
    repairs.dead_letters,
    check.check,
    airtable.airtable,
    doctor.doctor,
):
    main.add_command(_command)
airtable.airtable.add_command(adopt.adopt)
