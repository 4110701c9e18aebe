"""Clients: add, list, show, set, disable."""

from __future__ import annotations

import sys
from typing import Any

import click

from harvester import run_ids
from harvester.cli import session
from harvester.cli.arguments import AirtableBase, DailyBudget, Line, Schedule, Status, Timezone
from harvester.cli.display import as_json, counted, show_json, show_line, show_table, usd
from harvester.errors import HarvesterError
from harvester.ledger import Tx
from harvester.ledger import clients as ledger_clients
from harvester.models import Client
from services import Services
from services.plan import ACTIVE, AIRTABLE

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
}
_DEFAULTS = {
    "status": ACTIVE,
    "service_level": 2,
    "daily_target": 10,
    "batch_size": 20,
    "max_batches": 10,
    "stream": 1,
    "timezone": "UTC",
    "airtable_base": None,
}
_IN_AIRTABLE = "it is kept in Airtable: change its row in the table Clients there"
#: The ledger's own, wherever a client is kept: the column of each option.
_LEDGERS = {"daily_budget": "daily_budget_micros", "schedule": "schedule"}
_OURS = {"origin": "ledger", "airtable_record_id": None, "airtable_error": None}


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
        run_ids.require_client_id(client_id)
        values = _values(given)
        client = Client(
            client_id=client_id,
            created_at=services.clock(),
            **{**_DEFAULTS, "name": client_id, **values},
        )
        _read_clients(services)
        with services.ledger.write() as tx:
            _check_base(tx, services, client_id, client.airtable_base)
            added = ledger_clients.add(tx, client)
            kept = ledger_clients.get(tx, client_id)
    if not added:
        how = _IN_AIRTABLE if kept is not None and kept.origin == AIRTABLE else "change it with clients set"
        click.echo(f"Error: there is a client {client_id} already; {how}", err=True)
        sys.exit(session.EXIT_REFUSED)
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
    """Change some of a client's values. Budget and schedule are set here for clients in Airtable, too.

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
    values = {_LEDGERS.get(name, name): value for name, value in given.items() if value is not None}
    return {name: value[0] if isinstance(value, tuple) else value for name, value in values.items()}


def _change(client_id: str, values: dict[str, Any]) -> None:
    own = set(values) <= set(_LEDGERS.values())
    with session.services() as services:
        _read_clients(services)
        with services.ledger.write() as tx:
            kept = ledger_clients.get(tx, client_id)
            if kept is None:
                raise HarvesterError(f"there is no client {client_id}")
            in_airtable = not own and kept.origin == AIRTABLE and services.airtable is not None
            _check_base(tx, services, client_id, values.get("airtable_base"))
            if not in_airtable:  # where Airtable is off, a client that was its is the ledger's from now on
                ledger_clients.change(tx, client_id, **values, **({} if own else _OURS))
    if in_airtable:
        click.echo(f"Error: {_IN_AIRTABLE}", err=True)
        sys.exit(session.EXIT_REFUSED)


def _check_base(tx: Tx, services: Services, client_id: str, base: str | None) -> None:
    """Refuse the base of another client, or the master's: what is found would be shown to others."""
    if base is None:
        return
    others = [one.client_id for one in ledger_clients.of_base(tx, base) if one.client_id != client_id]
    if base == services.settings.master_clients_base_id:
        raise session.Declined(f"{base} is the master base: give the client a base of its own")
    if others:
        raise session.Declined(f"{base} is the base of {others[0]}: give the client a base of its own")


def _read_clients(services: Services) -> None:
    """See to it that the ledger has Airtable's clients, if there are any and they can be read."""
    if services.airtable is not None:
        services.airtable.roster.refresh()


def _clients_at_hand(services: Services) -> None:
    if services.airtable is not None:
        services.airtable.roster.at_hand()
