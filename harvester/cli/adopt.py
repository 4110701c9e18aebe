"""Taking over what another system has left in Airtable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.check import progress, require_client
from harvester.cli.display import as_json, show_json, show_line, show_table
from harvester.cli.long_work import interruptible
from harvester.errors import InvalidInput
from harvester.wording import counted
from services import Services
from services.adopt import Adopt
from services.adopt_report import Report

_STATE: Final = "What was taken over stays; run it again for the rest."
#: Rows left that are shown; all of them are with --json.
_SHOWN: Final = 100


@click.command(short_help="Take over what an earlier harvester has left.")
@click.option("--client", "client_id", type=ClientName(), help="Take over what is this client's alone.")
@click.option("--apply", is_flag=True, help="Do it; else only say what would be done.")
@as_json
def adopt(client_id: str | None, apply: bool, json_: bool) -> None:
    """Take over what an earlier harvester has left in Airtable: runs, lead states, posts.

    So that nothing of the history is lost and nobody is harvested twice. Says what it would do, and does it
    with --apply. Airtable is only read; what cannot be taken over as it is, is named and left. Can be
    interrupted, and repeated, at any time: a second time takes over what is new.

    Example: harvester airtable adopt --client Guy-Wilson
    """
    with interruptible(_STATE), _airtable() as services, progress("Reading clients") as told:
        assert services.airtable is not None
        services.airtable.roster.refresh(force=True)
        require_client(services, client_id)
        take_over = Adopt(
            services.ledger,
            services.airtable.gateway,
            services.airtable.schemas,
            services.clock,
            master_base=services.settings.master_clients_base_id or "",
            timeout=timedelta(seconds=services.settings.client_run_timeout_seconds),
        )
        report = take_over(client_id=client_id, apply=apply, told=told)
    show_json(_as_json(report, apply)) if json_ else _show(report, apply)
    for trouble in report.trouble:
        show_line(f"Error: not read: {trouble}", err=True)
    if report.trouble:
        sys.exit(session.EXIT_FAILED)


@contextmanager
def _airtable() -> Iterator[Services]:
    with session.services() as services:
        if services.airtable is None:
            raise InvalidInput("Airtable is off: set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID")
        yield services


def _as_json(report: Report, apply: bool) -> dict[str, Any]:
    return {
        "applied": apply,
        "tables": {table: asdict(tally) for table, tally in report.tallies.items()},
        "left": [
            {
                "table": one.table,
                "recordId": one.record_id,
                "key": one.key,
                "why": one.why,
                "clientId": one.client_id,
            }
            for one in report.left
        ],
        "notRead": report.trouble,
    }


def _show(report: Report, apply: bool) -> None:
    done = "Taken over" if apply else "Would be taken over"
    rows = [(table, tally.new, tally.there, tally.left) for table, tally in report.tallies.items()]
    show_table("Adoption", ("Table", done, "There already", "Left"), rows)
    if report.left:
        shown = [(one.table, one.client_id, one.key, one.record_id, one.why) for one in report.left[:_SHOWN]]
        title = f"{counted(len(report.left), 'row')} left as they are"
        show_table(title, ("Table", "Client", "Key", "Record", "Why"), shown)
    if len(report.left) > _SHOWN:
        show_line(f"And {len(report.left) - _SHOWN:,} more: --json shows all of them.")
    if not apply and any(tally.new for tally in report.tallies.values()):
        show_line("Nothing was changed. Do it: harvester airtable adopt --apply.")
