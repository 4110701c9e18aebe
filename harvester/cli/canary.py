"""A canary: a few leads harvested with one post each, before all are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName, Seconds
from harvester.cli.display import as_json, show_json, show_line, show_table, usd
from harvester.cli.run_actions import profiles_of
from harvester.cli.waiting import exit_code, until_over
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from harvester.wording import counted
from services import Services
from services import canary as canaries


@click.command()
@click.option("--client", "client_id", type=ClientName(), required=True, help="The client to try.")
@click.option("--leads", "count", type=click.IntRange(1, 20), default=3, show_default=True)
@click.option("--seconds", type=Seconds(1, 86_400), default=900, show_default=True, help="Wait for so long.")
@as_json
def canary(client_id: str, count: int, seconds: float, json_: bool) -> None:
    """Harvest the first leads that are due, with one post each, and report what came of each.

    A worker must be running; it is paid for as any other harvest is. Answered means: with posts, or that it
    has none.

    Example: harvester canary --client Guy-Wilson
    """
    with session.services() as services:
        try:
            order = canaries.order_for(services.preview, client_id, count, by=session.BY)
        except canaries.NothingToTry as error:
            raise session.Declined(str(error)) from error
        answer = services.kickoff(order)
        if answer.outcome != "accepted" or answer.client_run_id is None:
            raise session.Declined(f"nothing is started for {client_id}: {answer.reason or answer.outcome}")
        run = until_over(services, answer.client_run_id, seconds=seconds)
        found = _reported(services, run, order.target_urls or ())
    show_json(found) if json_ else _show(found)
    if code := exit_code(found["status"], wanted=ClientRunStatus.COMPLETED):
        sys.exit(code)
    if not found["allAnswered"]:
        sys.exit(session.EXIT_REFUSED)


def _reported(services: Services, run: dict[str, Any], ordered: Sequence[str]) -> dict[str, Any]:
    rows = profiles_of(services, run["clientRunId"])
    if rows is None:
        raise HarvesterError(f"there is no client run {run['clientRunId']} any more")
    asked = canaries.Asked(services.settings.scrape_comments, services.settings.scrape_reactions)
    return canaries.report(run, rows, ordered, asked)


def _show(found: dict[str, Any]) -> None:
    columns = ("Profile", "Answer", "Posts", "Cost", "Reason")
    rows = [
        (
            row["linkedinProfileUrl"],
            row["answer"] or "not answered",
            row["posts"],
            usd(row["costUsd"]),
            row["reason"],
        )
        for row in found["profiles"]
    ]
    show_table(f"Canary {found['clientRunId']}: {found['status']}, {usd(found['costUsd'])}", columns, rows)
    if found["status"] == ClientRunStatus.RUNNING:
        full_id = found["clientRunId"]
        show_line(f"It is not over yet: is a worker running? It goes on; see harvester runs {full_id}")
    if found["moreThanAsked"]:
        show_line(
            "More came than was asked for, and may have been charged: look at its items before all run."
        )
    unanswered = sum(row["answer"] not in ("posts", "none") for row in found["profiles"])
    if unanswered:
        show_line(f"{counted(unanswered, 'profile')} had no answer.")
