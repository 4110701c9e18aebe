"""Repairs of what a person names: replay, dead-letters."""

from __future__ import annotations

from typing import Any

import click

from harvester.cli import session
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.wording import counted
from services import shapes

#: SQLite's and PostgreSQL's greatest ID.
_ID = click.IntRange(1, 2**63 - 1)


@click.command()
@click.argument("delivery_id", type=_ID)
@as_json
def replay(delivery_id: int, json_: bool) -> None:
    """Process a stored delivery again, as if it had come now. A worker does the rest.

    Example: harvester replay 4711
    """
    with session.services() as services:
        services.replay(delivery_id, by=session.BY)
    show_json({"replayed": delivery_id}) if json_ else show_line(
        f"Delivery {delivery_id} is processed again."
    )


@click.group("dead-letters")
def dead_letters() -> None:
    """Actor runs that failed again and again, and wait for a person.

    Example: harvester dead-letters list
    """


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@as_json
def list_(limit: int, json_: bool) -> None:
    """List dead letters, newest first.

    Example: harvester dead-letters list
    """
    with session.services() as services:
        found = services.overview.dead_letters(limit=limit).rows
    show_json(found) if json_ else _show(found)


def _show(found: list[dict[str, Any]]) -> None:
    names = ("clientRunId", "batch", "actorRunId", "state", "error")
    columns = ("ID", "Parked (UTC)", "Client run", "Batch", "Actor run", "State", "Error")
    rows = [(one["id"], moment(one["parkedAt"]), *(one[name] for name in names)) for one in found]
    title = counted(len(found), "dead letter")
    show_table(title, columns, rows, spare=("Parked (UTC)", "Actor run", "State"))
    if found:
        show_line(
            "Try one again: harvester dead-letters replay ID. Give it up: harvester dead-letters discard ID."
        )


@dead_letters.command("replay")
@click.argument("row_id", type=_ID, metavar="ID")
@as_json
def replay_one(row_id: int, json_: bool) -> None:
    """Try a dead letter again. A worker does it; its dataset is read from the start.

    Example: harvester dead-letters replay 12
    """
    with session.services() as services:
        run = services.dead_letters.replay(row_id, by=session.BY)
    show_json(shapes.dead_letter(run)) if json_ else show_line(
        f"Batch {run.batch} of {run.client_run_id} is tried again."
    )


@dead_letters.command()
@click.argument("row_id", type=_ID, metavar="ID")
@as_json
def discard(row_id: int, json_: bool) -> None:
    """Give a dead letter up. Leads that it still held are due again.

    Nobody looks at it any more, unless a webhook for it comes or is replayed: its items were paid for.

    Example: harvester dead-letters discard 12
    """
    with session.services() as services:
        run = services.dead_letters.discard(row_id, by=session.BY)
    show_json(shapes.dead_letter(run)) if json_ else show_line(
        f"Batch {run.batch} of {run.client_run_id} is given up."
    )
