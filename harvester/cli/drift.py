"""Drift: how the actors' outputs stand beside what they were."""

from __future__ import annotations

from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.errors import InvalidInput
from harvester.wording import counted
from services.kickoff import UnknownClient

_NAMES = {
    "rejects": "Items that became no post",
    "undated": "Posts without a time",
    "unattributed": "Items of no lead asked for",
    "emptyTargets": "Profiles without posts",
}


@click.command()
@click.option("--actor", "actor_id", metavar="ID", help="Only this actor, as user/name.")
@click.option("--client", "client_id", type=ClientName(), help="Only what was brought for this client.")
@as_json
def drift(actor_id: str | None, client_id: str | None, json_: bool) -> None:
    """Show how each actor's output stands beside what it was: rates, then field by field what changed.

    The latest actor runs are compared with up to twenty before them.

    Example: harvester drift --actor harvestapi/linkedin-profile-posts
    """
    with session.services() as services:
        try:
            found = services.drift.actors(actor_id, client_id=client_id, rejects=True)
        except (InvalidInput, UnknownClient) as error:
            raise click.UsageError(str(error)) from error
    if json_:
        show_json({"actors": found})
        return
    for report in found:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    actor, latest, history = report["actorId"], report["latest"], report["history"]
    if report["paused"] is not None:
        paused = report["paused"]
        show_line(
            f"Starts of {actor} are paused since {moment(paused['since'])} UTC (by {paused['pausedBy']}): "
            f"{paused['reason']}. Go on: harvester resume --actor {actor}"
        )
    if not latest["actorRuns"]:
        show_line(f"{actor} has brought nothing yet.")
        return
    rows = [(_NAMES[one["name"]], *_beside(one)) for one in report["rates"]]
    now, before = (counted(span["actorRuns"], "actor run") for span in (latest, history))
    show_table(f"{actor}: the latest {now} beside {before} before", ("", "Now", "Before", ""), rows)
    _show_changes(report)
    for one in report["rejects"]:
        show_line(f"{counted(one['items'], 'item')} refused as {one['reason']}, such as:")
        for sample in one["samples"]:
            show_line(
                f"  {sample['clientRunId']}: {sample['detail']}: {sample['sample'] or 'no sample kept'}"
            )


def _beside(rate: dict[str, Any]) -> tuple[str, str, str]:
    now, before = _share(rate, "now"), _share(rate, "before")
    return now, before, "jumped" if rate["jumped"] else ""


def _share(rate: dict[str, Any], when: str) -> str:
    if rate[when] is None:
        return "–"
    return f"{rate[when]:.0%} ({rate[f'{when}Count']} of {rate[f'{when}Of']})"


def _show_changes(report: dict[str, Any]) -> None:
    if not report["history"]["actorRuns"]:
        show_line("There is nothing to compare its fields with yet.")
        return
    changed = [
        (one["field"] or "(the item)", one["what"], one["before"], one["now"]) for one in report["changes"]
    ]
    if changed:
        show_table("What changed", ("Field", "What", "Before", "Now"), changed)
    else:
        show_line("Its fields are as they were.")
