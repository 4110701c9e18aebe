"""The story of a client run on a terminal: what happened, line by line."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import click
import orjson

from harvester.cli import session
from harvester.cli.display import as_json, moment, show_json, show_json_line, show_line
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from services import Services

_PAGE: Final = 500
_LOOK_EVERY: Final = 0.5


@click.command()
@click.argument("client_run_id", metavar="RUN")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until it is over. Ctrl-C ends.")
@as_json
def logs(client_run_id: str, follow: bool, json_: bool) -> None:
    """Tell what happened to a client run: kickoff, actor runs, webhook calls, pages, Airtable, its end.

    Times are in UTC. With --follow and --json each line is a JSON object of its own.

    Example: harvester logs 261122-050000-Guy-Wilson --follow
    """
    with session.services() as services:
        lines = _followed(services, client_run_id) if follow else _lines(services, client_run_id)
        if json_ and not follow:
            show_json(list(lines))
            return
        with suppress(KeyboardInterrupt):  # it only looked on
            for line in lines:
                _show(line, json_=json_)


def _lines(services: Services, full_id: str) -> Iterator[dict[str, Any]]:
    """Give all lines there are now. Raises `HarvesterError` where there is no such client run."""
    after: str | None = None
    while True:
        listing = services.story(full_id, limit=_PAGE, after=after)
        if listing is None:
            raise HarvesterError(f"there is no client run {full_id}")
        yield from listing.rows
        after = listing.next_cursor
        if after is None:
            return


def _followed(services: Services, full_id: str) -> Iterator[dict[str, Any]]:
    """Give all lines, and what comes until the client run is over.

    The last page is read again and again: what another process wrote in between is not always at its end.
    """
    after: str | None = None
    known: set[str] = set()
    while True:
        run = services.overview.run(full_id)
        while True:
            listing = services.story(full_id, limit=_PAGE, after=after)
            if listing is None:
                raise HarvesterError(f"there is no client run {full_id}")
            yield from (line for line in listing.rows if line["id"] not in known)
            known.update(line["id"] for line in listing.rows)
            if listing.next_cursor is None:
                break
            after = listing.next_cursor
        if run is None or run["status"] != ClientRunStatus.RUNNING:
            return
        time.sleep(_LOOK_EVERY)


def _show(line: dict[str, Any], *, json_: bool) -> None:
    if json_:
        show_json_line(orjson.dumps(line))
        return
    batch = "" if line["batch"] is None else f"batch {line['batch']}: "
    show_line(f"{moment(line['at'])}  {line['kind']:<13} {batch}{line['text']}")
