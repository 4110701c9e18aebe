"""Clients: add, list, show, set, disable."""

from __future__ import annotations

from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ActorId, AirtableBase, DailyBudget, Line, Schedule, Status, Timezone
from harvester.cli.display import as_json, show_json, show_line, show_table, usd
from harvester.errors import HarvesterError
from harvester.wording import counted
from services import Services, client_editing
from services.client_editing import IN_AIRTABLE, BaseTaken, ClientExists, KeptInAirtable

_COUNT = click.IntRange(min=0, max=1_000_000)
_POSITIVE = click.IntRange(min=1, max=10_000)
_OPTIONS = {
    "name": click.option("--name", type=Line(), help="Name to show."),
    "status": click.option(
        "--status", type=Status(), help="Only Active clients are harvested.  [default: Active]"
    ),
    "service_level": click.option("--service-level", type=_COUNT, help="2 and more harvest.  [default: 2]"),
    "daily_target": click.option("--daily-target", type=_COUNT, help="Posts a day.  [default: 10]"),
    "batch_size": click.option("--batch-size", type=_POSITIVE, help="Leads per batch.  [default: 20]"),
    "max_batches": click.option("--max-batches", type=_POSITIVE, help="Batches a day.  [default: 10]"),
    "stream": click.option("--stream", type=_COUNT, help="Processing stream.  [default: 1]"),
    "timezone": click.option("--timezone", type=Timezone(), help="The client's own day.  [default: UTC]"),
    "airtable_base": click.option("--airtable-base", type=AirtableBase(), help="Its Airtable base, app…"),
    "daily_budget": click.option(
        "--daily-budget", type=DailyBudget(), help="USD a day; '' for DAILY_BUDGET_USD.  [default: '']"
    ),
    "schedule": click.option(
        "--schedule", type=Schedule(), help="Its own cron expression; '' for SCHEDULE.  [default: '']"
    ),
    "actor": click.option(
        "--actor", type=ActorId(), help="Its actor, user/name; '' for APIFY_ACTOR_ID.  [default: '']"
    ),
}
#: The column of each option that has another name.
_COLUMNS = {"daily_budget": "daily_budget_micros", "actor": "actor_id"}


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS.values()):
        command = option(command)
    return command


@click.group()
def clients() -> None:
    """Clients, the tenants.

    Example: harvester clients add Guy-Wilson --name "Guy Wilson" --daily-target 20
    """


@clients.command()
@click.argument("client_id")
@_with_options
def add(client_id: str, **given: Any) -> None:
    """Add a client.

    Example: harvester clients add Guy-Wilson --name "Guy Wilson"
    """
    with session.services() as services:
        try:
            client_editing.of(services).add(client_id, _values(given), by=session.BY)
        except ClientExists as error:
            how = IN_AIRTABLE if error.in_airtable else "change it with clients set"
            raise session.Declined(f"{error}; {how}") from error
        except BaseTaken as error:
            raise session.Declined(str(error)) from error
    click.echo(f"Added client {client_id}.")


@clients.command("list")
@as_json
def list_(json_: bool) -> None:
    """List all clients.

    Example: harvester clients list --json
    """
    with session.services() as services:
        _clients_at_hand(services)
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = services.overview.clients(limit=500, after=after)
            found += services.costs.beside(page.rows)
            after = page.next_cursor
            if after is None:
                break
    if json_:
        show_json(found)
        return
    of_client = ("Client ID", "Name", "Status", "Level", "Target", "Batch", "Stream", "Time zone", "Leads")
    show_table(
        counted(len(found), "client"),
        (*of_client, "Spent today", "Budget"),
        [
            (
                one["clientId"],
                one["clientName"],
                one["status"],
                one["serviceLevel"],
                one["postsDailyTarget"],
                one["leadsBatchSize"],
                one["processingStream"],
                one["timezone"],
                sum(one["leads"].values()),
                usd(one["spentTodayUsd"]),
                usd(one["dailyBudgetUsd"]),
            )
            for one in found
        ],
        spare=("Batch", "Level", "Stream", "Time zone", "Budget", "Leads", "Name"),
    )
    for one in found:
        if one["closed"]:
            show_line(f"{one['clientId']} is closed: {one['closed']}.")


@clients.command()
@click.argument("client_id")
@as_json
def show(client_id: str, json_: bool) -> None:
    """Show one client, with its leads counted by status.

    Example: harvester clients show Guy-Wilson
    """
    with session.services() as services:
        _clients_at_hand(services)
        bare = services.overview.client(client_id)
        if bare is None:
            raise HarvesterError(f"there is no client {client_id}")
        (found,) = services.costs.beside([bare])
    if json_:
        show_json(found)
        return
    rows = [(name, value) for name, value in found.items() if name != "leads"]
    rows += [(f"leads: {status}", count) for status, count in found["leads"].items()]
    show_table(client_id, ("", ""), rows)


@clients.command("set")
@click.argument("client_id")
@_with_options
def set_(client_id: str, **given: Any) -> None:
    """Change some of a client's values. Budget, schedule and actor are set here for clients in Airtable, too.

    Example: harvester clients set Guy-Wilson --daily-target 50
    """
    values = _values(given)
    if not values:
        raise click.UsageError("name at least one value to change")
    _change(client_id, values)
    click.echo(f"Changed {', '.join(name for name in given if given[name] is not None)} of {client_id}.")


@clients.command()
@click.argument("client_id")
def disable(client_id: str) -> None:
    """Stop harvesting a client; what is running is finished. Undo: clients set ID --status Active.

    Example: harvester clients disable Guy-Wilson
    """
    _change(client_id, {"status": "Inactive"})
    click.echo(f"{client_id} is Inactive.")


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Give the columns of the options that were given; those that may be none come in tuples."""
    values = {_COLUMNS.get(name, name): value for name, value in given.items() if value is not None}
    return {name: value[0] if isinstance(value, tuple) else value for name, value in values.items()}


def _change(client_id: str, values: dict[str, Any]) -> None:
    with session.services() as services:
        try:
            client_editing.of(services).change(client_id, values, by=session.BY)
        except (KeptInAirtable, BaseTaken) as error:
            raise session.Declined(str(error)) from error


def _clients_at_hand(services: Services) -> None:
    if services.airtable is not None:
        services.airtable.roster.at_hand()
