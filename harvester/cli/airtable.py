"""Airtable: are its bases as we need them, make what is missing, and show what it is asked and owed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import click

from harvester.airtable_errors import NotAllowed
from harvester.cli import session
from harvester.cli.airtable_display import (
    plan_json,
    report_json,
    show_plan,
    show_report,
    show_usage,
    usage_json,
    whose,
)
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, show_json, show_line
from harvester.cli.long_work import bar, interruptible
from harvester.errors import HarvesterError, InvalidInput
from services import Services, airtable_usage
from services.airtable_check import AirtableCheck, Report, SchemaOf
from services.airtable_setup import AirtableSetup, Outcome, Plan, plan
from services.no_access import in_words

_UNCHANGED: Final = "Nothing was changed."
_REST: Final = "What was made stays; setup, when it is run again, makes the rest."
_only = click.option("--client", "client_id", type=ClientName(), help="Look at this client's base alone.")
_all = click.option("--all", "every", is_flag=True, help="Look at clients that are not Active, too.")


@click.group()
def airtable() -> None:
    """Airtable: whether its bases are as they must be, and what it is owed.

    Example: harvester airtable check
    """


@airtable.command(short_help="Name all that is missing or mistyped in the bases.")
@_only
@_all
@as_json
def check(client_id: str | None, every: bool, json_: bool) -> None:
    """Name every missing or mistyped table, field and choice, in the master base and in each client's.

    Changes nothing.

    Example: harvester airtable check --client Guy-Wilson
    """
    with interruptible(_UNCHANGED), with_airtable() as services:
        report = _looked(services, client_id, every)
    show_json(report_json(report)) if json_ else show_report(report)
    if report.findings:
        sys.exit(session.EXIT_REFUSED)


@airtable.command(short_help="Make tables and fields that are missing.")
@_only
@_all
@click.option("--dry-run", is_flag=True, help="Show what would be made, and make nothing.")
@click.option("--yes", is_flag=True, help="Do not ask before anything is made.")
@as_json
def setup(client_id: str | None, every: bool, dry_run: bool, yes: bool, json_: bool) -> None:
    """Make the tables and fields that are missing, as far as the API can; say what a person must do.

    Changes nothing that exists, and asks first. Can be interrupted, and repeated, at any time.

    Example: harvester airtable setup --dry-run
    """
    if json_ and not (yes or dry_run):
        raise click.UsageError("with --json nobody is asked: give --yes or --dry-run too")
    with interruptible(_REST), with_airtable() as services:
        report = _looked(services, client_id, every)
        found = plan(report.bases, report.rows)
        if not json_:
            show_plan(found)
        outcomes: list[Outcome] = []
        if found.steps and not dry_run:
            if not yes and not click.confirm("Make this in Airtable?", err=True):
                click.echo(_UNCHANGED)
                sys.exit(session.EXIT_REFUSED)
            outcomes = _carried_out(services, found)
            show_line("harvester airtable check says what is left to do.", err=True)
    if json_:
        show_json(plan_json(found, outcomes))
    if any(outcome.error for outcome in outcomes):
        sys.exit(session.EXIT_REFUSED)


@airtable.command(short_help="Calls of the month, and what waits to be sent.")
@as_json
def usage(json_: bool) -> None:
    """Show this month's calls, which bases are left alone for now, and what waits to be sent.

    Asks Airtable nothing.

    Example: harvester airtable usage --json
    """
    with with_airtable() as services, services.ledger.read() as tx:
        found = airtable_usage.usage(tx, now=services.clock())
    show_json(usage_json(found)) if json_ else show_usage(found)


@contextmanager
def with_airtable() -> Iterator[Services]:
    """Give the services, if Airtable is on."""
    with session.services() as services:
        if services.airtable is None:
            raise InvalidInput("Airtable is off: set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID")
        try:
            yield services
        except NotAllowed as error:  # of a client's base it is a finding
            base = services.settings.master_clients_base_id or ""
            raise HarvesterError(in_words(error, base, master=True)) from error


def _schema_of(services: Services) -> SchemaOf:
    """Read schemas anew, and have the ledger remember them: the mirror goes by what it remembers."""
    assert services.airtable is not None
    return partial(services.airtable.schemas.of, fresh=True)


def _looked(services: Services, client_id: str | None, every: bool) -> Report:
    assert services.airtable is not None
    look = AirtableCheck(
        services.airtable.gateway,
        _schema_of(services),
        services.ledger,
        services.settings.master_clients_base_id or "",
        services.clock,
    )
    with bar("Looking at bases", "Looked at bases") as told:
        return look(client_id=client_id, every=every, told=told)


def _carried_out(services: Services, found: Plan) -> list[Outcome]:
    """Make one thing after the other, and say of each what came of it."""
    assert services.airtable is not None
    make = AirtableSetup(services.airtable.gateway, _schema_of(services))
    outcomes: list[Outcome] = []
    for outcome in make(found.steps):
        outcomes.append(outcome)
        what = f"{outcome.step.told()} in {whose(outcome.step.client_ids)}"
        came = f"FAILED: {outcome.error}" if outcome.error else "made"
        show_line(f"[{len(outcomes)}/{len(found.steps)}] {what}: {came}", err=True)
    return outcomes
