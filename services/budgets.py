"""Money: what a client may still spend in its own day, and the account in its month.

What has been paid is by Apify's figures, of the actor runs that were started in the period. What is not over
is reserved up to its cap, so that nothing that is started can pass a budget.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from harvester.ledger import Tx, usage
from harvester.ledger.usage import Money
from harvester.models import Client
from services.alerts import raise_alert
from services.days import day_start, month_start

#: Less than this, 0.01 USD, is nothing to start an actor run with: no actor of ours takes a lower cap.
LEAST_MICROS: Final = 10_000
#: While this lock is held, the account's budget of the month has no room beside what is under way.
MONTH_RESERVED: Final = "starts for the budget of the month"


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may be spent, in millionths of a USD: by a client in its day unless it has a budget of its own,
    by the account in a calendar month (UTC), and by one actor run.
    """

    daily_micros: int
    monthly_micros: int | None
    run_micros: int


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget as it stands: what it is for, its limit in millionths of a USD, and what was made of it."""

    name: str
    limit: int
    money: Money
    #: Under which key its being reached is told, once for each period, how long that may be, and what to do.
    key: str
    period: timedelta
    remedy: str
    #: It is everybody's: what it has come to is told in its alert, and not in answers about one client.
    of_all: bool = False

    @property
    def room(self) -> int:
        """What may still be promised to Apify, in millionths of a USD."""
        return max(0, self.limit - self.money.paid - self.money.reserved)

    @property
    def spent(self) -> bool:
        """True when nothing more can come of it: it is paid out, or too little is left for one more start.

        While actor runs are under way it is not: they may cost less than is reserved for them.
        """
        if self.money.paid >= self.limit:
            return True
        touched = self.money.paid + self.money.reserved > 0
        return touched and not self.money.under_way and self.room < LEAST_MICROS

    @property
    def for_one(self) -> str:
        """Say that it is spent, to somebody who may know of one client alone."""
        return f"{self.name} is spent" if self.of_all else str(self)

    def __str__(self) -> str:
        kept = f", {usd(self.money.reserved)} reserved" if self.money.reserved else ""
        left = ", and the rest is too little for a start" if self.money.paid < self.limit else ""
        return f"{self.name} is spent: {usd(self.money.paid)} of {usd(self.limit)} USD{kept}{left}"


@dataclass(frozen=True, slots=True)
class Start:
    """An actor run may start that costs `cap` millionths of a USD at the most."""

    cap: int


@dataclass(frozen=True, slots=True)
class Wait:
    """What is under way may leave more of a budget. `of_all`: it is everybody's."""

    reason: str
    of_all: bool


@dataclass(frozen=True, slots=True)
class Spent:
    """Nothing more is started in this period."""

    budget: Budget


def of_client(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> Budget:
    """Give a client's budget of its own day."""
    since = day_start(client.timezone, now)
    day = now.astimezone(ZoneInfo(client.timezone)).date()
    return Budget(
        f"the budget of the day of client {client.client_id}",
        daily_micros(client, budgets),
        usage.of_client(tx, client.client_id, since=since),
        f"budget of {client.client_id} {day}",
        timedelta(days=1),
        f"it goes on tomorrow; for more today: harvester clients set {client.client_id} --daily-budget USD",
    )


def of_account(tx: Tx, budgets: Budgets, now: datetime) -> Budget | None:
    """Give the account's budget of the calendar month; None if there is none."""
    if budgets.monthly_micros is None:
        return None
    since = month_start(now)
    return Budget(
        "the account's budget of the month",
        budgets.monthly_micros,
        usage.of_all(tx, since=since),
        f"budget of {since:%Y-%m}",
        timedelta(days=31),
        "nothing is started before the next month, for any client; for more: raise MONTHLY_BUDGET_USD",
        of_all=True,
    )


def both(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> Iterator[Budget]:
    """Give each budget that a start for a client counts against."""
    yield of_client(tx, client, budgets, now)
    account = of_account(tx, budgets, now)
    if account is not None:
        yield account


def spent(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> str | None:
    """Say in a sentence for the client which budget is spent; None if none is."""
    return next((budget.for_one for budget in both(tx, client, budgets, now) if budget.spent), None)


def room(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> int:
    """Say what starts for a client may still cost in all, in millionths of a USD."""
    return min(budget.room for budget in both(tx, client, budgets, now))


def verdict(tx: Tx, client: Client, budgets: Budgets, now: datetime) -> Start | Wait | Spent:
    """Say whether an actor run may start for a client now, and what it may cost.

    It is true until something else is started: ask where only one at a time can, and write the cap down.
    """
    standing = list(both(tx, client, budgets, now))
    for budget in standing:
        if budget.spent:
            return Spent(budget)
    for budget in reversed(standing):
        if budget.money.under_way and budget.room < budgets.run_micros:
            left = "too little" if budget.of_all else f"{usd(budget.room)} USD"
            reason = f"{budget.name} has {left} left beside what is under way"
            return Wait(reason, of_all=budget.of_all)
    return Start(min(budgets.run_micros, *(budget.room for budget in standing)))


def tell(tx: Tx, budget: Budget, *, now: datetime) -> None:
    """Raise the alert that a budget is spent, once for its period."""
    text = f"{budget}. What to do: {budget.remedy}"
    raise_alert(tx, budget.key, text[0].upper() + text[1:], now=now, again_after=budget.period)


def tell_if_spent(tx: Tx, client: Client, budgets: Budgets, *, now: datetime) -> None:
    """Raise an alert for each budget that a client's actor run, whose cost is known now, has used up."""
    for budget in both(tx, client, budgets, now):
        if budget.spent:
            tell(tx, budget, now=now)


def daily_micros(client: Client, budgets: Budgets) -> int:
    """Give what a client may spend in its day."""
    own = client.daily_budget_micros
    return budgets.daily_micros if own is None else own


def usd(micros: int) -> str:
    """Write millionths of a USD as dollars, to a hundredth of a cent."""
    return f"{micros / 1e6:.4f}"
