"""Tokens of the API: create, list, rotate, revoke. A token is told on stdout, once, alone on its line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.wording import counted
from services import Services
from services.api_tokens import SCOPES, ApiToken, Scope, TokenRefused

_DAYS = click.IntRange(1, 3_650)
_HOURS = click.IntRange(0, 720)


@click.group()
def tokens() -> None:
    """Tokens of the API, for callers that need not have all rights, as API_TOKENS do.

    Example: harvester tokens create --name "Make.com" --scope run --client Guy-Wilson
    """


@tokens.command()
@click.option("--name", required=True, help="Who has it, as the activity log is to say.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(SCOPES),
    multiple=True,
    help="What it may: read (GET), run (POST and DELETE); may be repeated.  [default: both]",
)
@click.option("--client", "client_id", type=ClientName(), help="For this client alone.")
@click.option("--days", type=_DAYS, help="How long it is good.  [default: until it is revoked]")
def create(name: str, scopes: tuple[Scope, ...], client_id: str | None, days: int | None) -> None:
    """Make a token and show it, once: the ledger keeps only what proves it.

    Example: harvester tokens create --name "Make.com" --scope read --days 90
    """
    lasts = None if days is None else timedelta(days=days)
    with session.services() as services:
        if client_id is not None and services.airtable is not None:
            services.airtable.roster.at_hand()
        try:
            made, text = services.api_tokens.create(
                name, scopes=scopes, client_id=client_id, lasts=lasts, by=session.BY
            )
        except TokenRefused as error:
            raise session.Declined(str(error)) from error
    click.echo(text)
    whose = "all clients" if made.client_id is None else made.client_id
    _told(f"Token {made.id} may {' and '.join(sorted(made.scopes))}, for {whose}.")


@tokens.command("list")
@as_json
def list_(json_: bool) -> None:
    """List tokens, the newest first: what each may, and when it was last used, give or take ten minutes.

    Example: harvester tokens list
    """
    with session.services() as services:
        found = services.api_tokens.every()
    show_json(found) if json_ else _show(found)


@tokens.command()
@click.argument("token_id", metavar="ID")
@click.option(
    "--hours",
    type=_HOURS,
    default=24,
    show_default=True,
    help="How long the old secret is good; 0 ends it now.",
)
def rotate(token_id: str, hours: int) -> None:
    """Give a token another secret, and show it, once. The old one works for a day longer.

    Example: harvester tokens rotate 4k9x2m7p1q8z --hours 0
    """
    with session.services() as services:
        made, text = _rotated(services, token_id, hours)
    click.echo(text)
    _told(f"The old secret of {made.name} is {f'good for {hours} hours' if hours else 'over'}.")


@tokens.command()
@click.argument("token_id", metavar="ID")
def revoke(token_id: str) -> None:
    """Take a token back: it is worth nothing from the next request on.

    Example: harvester tokens revoke 4k9x2m7p1q8z
    """
    with session.services() as services:
        done = services.api_tokens.revoke(token_id, by=session.BY)
    show_line(f"Token {token_id} is revoked." if done else f"Token {token_id} was revoked before.")


def _rotated(services: Services, token_id: str, hours: int) -> tuple[ApiToken, str]:
    try:
        return services.api_tokens.rotate(token_id, overlap=timedelta(hours=hours), by=session.BY)
    except TokenRefused as error:
        raise session.Declined(str(error)) from error


def _told(sentence: str) -> None:
    """Say it beside stdout, which a script takes the token from."""
    show_line(f"{sentence} It is shown this once: keep it as a secret.", err=True)


def _show(found: list[dict[str, Any]]) -> None:
    columns = ("ID", "Name", "May", "Client", "State", "Created (UTC)", "Good until (UTC)", "Last used (UTC)")
    rows = [
        (
            one["id"],
            one["name"],
            " ".join(one["scopes"]),
            one["clientId"] or "all",
            one["state"],
            moment(one["createdAt"]),
            moment(one["expiresAt"]),
            moment(one["lastUsedAt"]),
        )
        for one in found
    ]
    spare = ("Created (UTC)", "Good until (UTC)", "Client")
    show_table(counted(len(found), "token"), columns, rows, spare=spare)
