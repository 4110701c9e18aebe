"""Leads: import and list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.errors import HarvesterError
from harvester.wording import counted
from services.lead_import import Report, import_file
from services.reach import reach_again

_ERRORS_SHOWN = 50


@click.group()
def leads() -> None:
    """Leads: the people whose posts a client wants.

    Example: harvester leads import leads.csv --client Guy-Wilson
    """


@leads.command("import", short_help="Import leads from a CSV file.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--client", "client_id", type=ClientName(), required=True, help="Whose leads they are.")
@as_json
def import_(file: Path, client_id: str, json_: bool) -> None:
    """Import leads from a CSV file with a column linkedin_profile_url; name and any others are kept.

    Good rows are kept, each bad one is named with its line. Leads that are known stay as they are.

    Example: harvester leads import leads.csv --client Guy-Wilson
    """
    console = Console(stderr=True)
    columns = (TextColumn("Importing"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    try:
        with session.services() as services, progress as bar:
            task = bar.add_task("", total=_lines(file))
            report = import_file(
                services.ledger,
                client_id,
                file,
                now=services.clock(),
                by=session.BY,
                progress=lambda done: bar.update(task, completed=done),
            )
    except KeyboardInterrupt:
        raise click.ClickException(
            "interrupted; what was imported is kept, the same command imports the rest"
        ) from None
    _show(report, json_=json_)
    if report.errors:
        sys.exit(session.EXIT_REFUSED)


def _lines(file: Path) -> int | None:
    """Count lines, for the progress bar: a cell may hold several, so the rows may be fewer.

    None for a pipe, which can be read but once.
    """
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return sum(1 for _ in stream)


def _show(report: Report, *, json_: bool) -> None:
    if json_:
        errors = [{"line": error.line, "reason": error.reason} for error in report.errors]
        show_json({"added": report.added, "known": report.known, "errors": errors})
        return
    added, refused = counted(report.added, "lead"), counted(len(report.errors), "row")
    click.echo(f"{added} added, {report.known} known before, {refused} refused.")
    for error in report.errors[:_ERRORS_SHOWN]:
        show_line(f"line {error.line}: {error.reason}", indent=2, err=True)
    if len(report.errors) > _ERRORS_SHOWN:
        click.echo(f"  and {len(report.errors) - _ERRORS_SHOWN} more; --json has them all", err=True)


@leads.command("list")
@click.option("--client", "client_id", type=ClientName(), required=True, help="Whose leads to list.")
@as_json
def list_(client_id: str, json_: bool) -> None:
    """List a client's leads, each with its state and last outcome.

    Example: harvester leads list --client Guy-Wilson
    """
    with session.services() as services:
        if services.overview.client(client_id) is None:
            raise HarvesterError(f"there is no client {client_id}")
        found = list(services.overview.leads(client_id))
    if json_:
        show_json(found)
        return
    show_table(
        f"{counted(len(found), 'lead')} of {client_id}",
        ("Profile", "Name", "State", "Posts", "Checked (UTC)", "Last outcome"),
        [
            (
                one["linkedinProfileUrl"],
                one["name"],
                one["status"] or "New",
                one["postsFoundLastRun"],
                moment(one["lastCheckAt"]),
                _last(one),
            )
            for one in found
        ],
        spare=("Checked (UTC)", "Name"),
    )


@leads.command(short_help="Ask again for leads that are unreachable.")
@click.option("--client", "client_id", type=ClientName(), required=True, help="Whose leads they are.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@as_json
def retry(client_id: str, urls: tuple[str, ...], json_: bool) -> None:
    """Have leads due again that are unreachable: these profiles, or all of the client's.

    A lead is unreachable after three actor runs in a row that had no answer for it.

    Example: harvester leads retry --client Guy-Wilson
    """
    with session.services() as services:
        if services.overview.client(client_id) is None:
            raise HarvesterError(f"there is no client {client_id}")
        again = reach_again(services.ledger, client_id, urls or None, now=services.clock(), by=session.BY)
    if json_:
        show_json({"dueAgain": again})
        return
    for url in again:
        show_line(url)
    click.echo(f"{counted(len(again), 'unreachable lead is', 'unreachable leads are')} due again.")


def _last(lead: dict[str, Any]) -> str:
    if lead["unreachable"]:
        return f"unreachable since {moment(lead['unreachable']['since'])}: {lead['unreachable']['why']}"
    if not lead["outcomes"]:
        return ""
    outcome = lead["outcomes"][0]
    shown = f"{outcome['outcome'] or 'in work'} in {outcome['clientRunId']}"
    return f"{shown}: {outcome['detail']}" if outcome["detail"] else shown
