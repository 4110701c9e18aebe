"""Money: what a client may still spend in its own day, and the account in its month, from Apify's figures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from harvester.ledger import Tx, usage
from harvester.models import Client
from services.days import day_start, month_start


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may be spent, in millionths of a USD: by a client in its day unless it has a budget of its own,
    by the account in a calendar month (UTC), and by one actor run.
    """

    daily_micros: int
    monthly_micros: int | None
    run_micros: int


def spent(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> str | None:
    """Say in a sentence which budget is spent, by what has been paid for; None if none is."""
    of_client = usage.spent_micros(tx, client.client_id, since=day_start(client.timezone, now))
    if of_client >= daily_micros(client, budgets):
        return f"the client's budget of the day is spent: {of_client / 1e6:.4f} USD"
    if budgets.monthly_micros is None:
        return None
    of_all = usage.spent_by_all_micros(tx, since=month_start(now))
    if of_all >= budgets.monthly_micros:
        return f"the account's budget of the month is spent: {of_all / 1e6:.4f} USD"
    return None


def daily_micros(client: Client, budgets: Budgets) -> int:
    """Give what a client may spend in its day."""
    own = client.daily_budget_micros
    return budgets.daily_micros if own is None else own
