"""Money: stopping starts, and what harvests cost. Starts go on with `harvester resume --starts`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName, Line
from harvester.cli.display import as_json, moment, show_json, show_line, show_table, usd
from harvester.errors import HarvesterError, InvalidInput
from harvester.normalise import actor_of
from harvester.wording import counted
from services import Services
from services.costs import MOST_DAYS
from services.kickoff import UnknownClient
from services.pauses import ALL, Pause, in_words, of_actor, shown


@click.command()
@click.option("--client", "client_id", type=ClientName(), help="Only this client's starts.")
@click.option("--actor", "actor_id", metavar="ID", help="Only starts of this actor, as user/name.")
@click.option("--reason", type=Line(), help="Why, for whoever wonders.")
@as_json
def pause(client_id: str | None, actor_id: str | None, reason: str | None, json_: bool) -> None:
    """Start no actor runs from now on, until harvester resume --starts.

    Kickoffs are taken and wait; what runs at Apify goes on to its end, and is read.

    Example: harvester pause --reason "looking into the costs"
    """
    scope = scope_of(client_id, actor_id)
    with session.services() as services:
        unread = None
        if client_id is not None and services.airtable is not None:
            unread = services.airtable.roster.at_hand().problem
        asked_at = services.clock()
        try:
            found = services.pauses.pause(scope, reason=reason or "", by=session.BY)
        except UnknownClient as error:
            doubt = f" as far as is known, and Clients was not read: {unread}" if unread else ""
            raise HarvesterError(f"{error}{doubt}") from error
    if json_:
        show_json(shown(found))
        return
    show_pauses([found])
    if found.since < asked_at:
        show_line("They were paused already, and stay so as they were.")


def scope_of(client_id: str | None, actor_id: str | None) -> str:
    """Give the scope of a pause that a command names. Raises `UsageError` for two, or an unknown actor."""
    if client_id is not None and actor_id is not None:
        raise click.UsageError("give one of --client and --actor")
    if actor_id is None:
        return client_id or ALL
    try:
        return of_actor(actor_of(actor_id).actor_id)
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error


def lift_starts(
    services: Services, client_id: str | None, actor_id: str | None = None, *, json_: bool = False
) -> None:
    """Lift the pause of a client, of an actor, or that of all, and say what came of it."""
    lifted = services.pauses.lift(scope_of(client_id, actor_id), by=session.BY)
    left = services.pauses.standing()
    if json_:
        show_json({"lifted": lifted, "pauses": [shown(one) for one in left]})
        return
    one = f"client {client_id}" if client_id else f"actor {actor_id}"
    whose = one if client_id or actor_id else "all clients"
    show_line(
        f"Starts of {whose} are paused no more." if lifted else f"Starts of {whose} were not paused as such."
    )
    for pause_ in left:
        show_line(f"Still: {in_words(pause_)}.")


@click.command()
@click.option("--client", "client_id", type=ClientName(), help="Only this client.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=30, show_default=True)
@as_json
def costs(client_id: str | None, days: int, json_: bool) -> None:
    """Show what is spent and left, and what an answer, a post and a new post cost.

    Example: harvester costs --days 7
    """
    with session.services() as services:
        try:
            found = services.costs.report(days=days, client_id=client_id)
        except UnknownClient as error:
            raise HarvesterError(str(error)) from error
    if json_:
        show_json(found)
        return
    _show_budgets(found)
    _show_period(found)
    _show_account(found["account"])


def show_pauses(found: Sequence[Pause], *, but: bool = False) -> None:
    """Print a line for each pause, with what ends it; `but` goes before it as what was said is held up."""
    for one in found:
        told = f"But {in_words(one)}" if but else _sentence(in_words(one))
        show_line(f"{told}. Go on: {goes_on(one)}")


def show_what_holds(services: Services, client_ids: Collection[str]) -> None:
    """Say what pauses keep the batches of these clients from starting."""
    show_pauses(services.pauses.of(client_ids), but=True)


def _show_budgets(found: dict[str, Any]) -> None:
    columns = ("Client", "Budget of the day", "Spent today", "Reserved", "Left", "Spent this month")
    names = ("dailyBudgetUsd", "spentTodayUsd", "reservedTodayUsd", "leftTodayUsd", "spentThisMonthUsd")
    rows = [(one["clientId"], *(usd(one[name]) for name in names)) for one in found["clients"]]
    show_table("Budgets", columns, rows, spare=("Spent this month", "Reserved"))


def _show_period(found: dict[str, Any]) -> None:
    columns = ("Client", "Cost", "Answers", "Posts", "New", "Each answer", "Each post", "Each new post")
    rows = [(one["clientId"], *_harvested(one)) for one in found["clients"]]
    if len(rows) > 1:
        rows.append(("All", *_harvested(found["total"])))
    title = f"The last {counted(found['days'], 'day')}"
    show_table(title, columns, rows, spare=("Each post", "Each answer", "Answers"))


def _harvested(one: dict[str, Any]) -> tuple[object, ...]:
    each = ("costPerLeadUsd", "costPerPostUsd", "costPerNewPostUsd")
    counts = (one["leadsAnswered"], one["posts"], one["postsNew"])
    return (usd(one["costUsd"]), *counts, *(usd(one[name]) for name in each))


def _show_account(account: dict[str, Any]) -> None:
    spent, reserved = usd(account["spentThisMonthUsd"]), usd(account["reservedUsd"])
    limit = account["monthlyBudgetUsd"]
    of = "no MONTHLY_BUDGET_USD is set" if limit is None else f"{usd(account['leftThisMonthUsd'])} left"
    show_line(f"All clients this month (UTC): {spent} spent, {reserved} reserved, {of}.")
    apify = account["apify"]
    if apify is not None:
        told = f"{usd(apify['monthUsedUsd'])} of {usd(apify['monthLimitUsd'])}"
        show_line(f"The Apify account itself, in its month: {told} (read {moment(apify['readAt'])} UTC).")


def goes_on(pause: Pause) -> str:
    """Give the command that lifts a pause."""
    if pause.actor_id is not None:
        return f"harvester resume --actor {pause.actor_id}"
    return "harvester resume --starts" + (f" --client {pause.client_id}" if pause.client_id else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
