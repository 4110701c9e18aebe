"""Costs: what is spent, reserved and left of each budget, and what an answer, a post and a new post cost.

All of it is asked of the ledger when somebody looks. What the account says of itself is shown apart: others
may use it, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from harvester.ledger import Ledger, Tx, account, client_runs, clients, costs, usage
from harvester.ledger.costs import Brought
from harvester.ledger.usage import Money
from harvester.models import Client
from services import budgets, shapes
from services.budgets import Budgets
from services.days import day_start, month_start
from services.kickoff import UnknownClient
from services.plan import ACTIVE

#: Most days that one look goes back.
MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many clients a job run would ask for, how many of them a client run has at work, and what the
    budgets leave them all today, in USD.
    """

    clients: int
    at_work: int
    at_most_usd: float


class Costs:
    """Reads what the harvests cost."""

    def __init__(self, ledger: Ledger, terms: Budgets, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._terms = terms
        self._clock = clock

    def report(self, *, days: int = 30, client_id: str | None = None) -> dict[str, Any]:
        """Show each client, or one, over its day, the month and so many days; and the account's month.

        Raises `UnknownClient`.
        """
        now = self._clock()
        since = now - timedelta(days=days)
        with self._ledger.read(patient=True) as tx:
            chosen = _chosen(tx, client_id)
            periods = [{one.client_id: moment(one) for one in chosen} for moment in _periods(now, since)]
            sums = [usage.by_client(tx, period) for period in periods]
            brought = costs.brought_since(tx, since=since)
            shown = self._account(tx, now)
        rows = [self._client(one, sums, brought.get(one.client_id, Brought())) for one in chosen]
        totals = [brought.get(one.client_id, Brought()) for one in chosen]
        paid = sum(sums[2].get(one.client_id, Money()).paid for one in chosen)
        told = {"days": days, "since": shapes.time(since.replace(microsecond=0))}
        return {**told, "clients": rows, "total": _period(paid, _sum(totals)), "account": shown}

    def beside(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Show clients, as `Overview` shows them, with their budget and what is spent of it today.

        Two queries, however many they are.
        """
        now = self._clock()
        with self._ledger.read() as tx:
            found = clients.some(tx, [row["clientId"] for row in rows])
            day = {one.client_id: day_start(one.timezone, now) for one in found.values()}
            money = usage.by_client(tx, day)
        return [
            {**row, **self._day(one, money), "schedule": one.schedule}
            for row in rows
            if (one := found.get(row["clientId"])) is not None
        ]

    def ahead(self, *, stream: int | None = None, limit: int | None = None) -> Ahead:
        """Bound what a job run for all active clients, or so many of a stream, may cost; few queries."""
        now = self._clock()
        with self._ledger.read() as tx:
            found = clients.of_status(tx, ACTIVE, stream=stream, limit=limit)
            money = usage.by_client(tx, {one.client_id: day_start(one.timezone, now) for one in found})
            live = client_runs.live_clients(tx)
            month = usage.of_all(tx, since=month_start(now)).paid
        left = [
            max(0, budgets.daily_micros(one, self._terms) - money.get(one.client_id, Money()).paid)
            for one in found
        ]
        monthly = self._terms.monthly_micros
        at_most = sum(left) if monthly is None else min(sum(left), max(0, monthly - month))
        return Ahead(len(found), sum(one.client_id in live for one in found), shapes.usd(at_most) or 0.0)

    def _client(self, client: Client, sums: list[dict[str, Money]], brought: Brought) -> dict[str, Any]:
        day, month, period = sums
        return {
            "clientId": client.client_id,
            "clientName": client.name,
            **self._day(client, day),
            "spentThisMonthUsd": shapes.usd(month.get(client.client_id, Money()).paid),
            **_period(period.get(client.client_id, Money()).paid, brought),
        }

    def _day(self, client: Client, sums: dict[str, Money]) -> dict[str, Any]:
        limit = budgets.daily_micros(client, self._terms)
        money = sums.get(client.client_id, Money())
        return {
            "dailyBudgetUsd": shapes.usd(limit),
            "ownDailyBudget": client.daily_budget_micros is not None,
            "spentTodayUsd": shapes.usd(money.paid),
            "reservedTodayUsd": shapes.usd(money.reserved),
            "leftTodayUsd": shapes.usd(max(0, limit - money.paid - money.reserved)),
        }

    def _account(self, tx: Tx, now: datetime) -> dict[str, Any]:
        money = usage.of_all(tx, since=month_start(now))
        limit = self._terms.monthly_micros
        left = None if limit is None else max(0, limit - money.paid - money.reserved)
        return {
            "monthlyBudgetUsd": shapes.usd(limit),
            "spentThisMonthUsd": shapes.usd(money.paid),
            "reservedUsd": shapes.usd(money.reserved),
            "leftThisMonthUsd": shapes.usd(left),
            "apify": apify_account(tx),
        }


def apify_account(tx: Tx) -> dict[str, Any] | None:
    """Show what Apify says of the account itself; None if it was never asked."""
    known = account.get(tx)
    if known is None:
        return None
    return {
        "maxRuns": known.max_runs,
        "maxMemoryMb": known.max_memory_mb,
        "monthLimitUsd": shapes.usd(known.month_limit_micros),
        "monthUsedUsd": shapes.usd(known.month_used_micros),
        "readAt": shapes.time(known.read_at),
    }


def _chosen(tx: Tx, client_id: str | None) -> list[Client]:
    if client_id is None:
        return sorted(clients.every(tx).values(), key=lambda one: one.client_id)
    found = clients.get(tx, client_id)
    if found is None:
        raise UnknownClient(f"there is no client {client_id}")
    return [found]


def _periods(now: datetime, since: datetime) -> list[Callable[[Client], datetime]]:
    month = month_start(now)
    return [lambda one: day_start(one.timezone, now), lambda _: month, lambda _: since]


def _period(paid: int, brought: Brought) -> dict[str, Any]:
    return {
        "costUsd": shapes.usd(paid),
        "leadsAnswered": brought.answers,
        "posts": brought.posts,
        "postsNew": brought.posts_new,
        "costPerLeadUsd": _each(paid, brought.answers),
        "costPerPostUsd": _each(paid, brought.posts),
        "costPerNewPostUsd": _each(paid, brought.posts_new),
    }


def _each(paid: int, count: int) -> float | None:
    return shapes.usd(round(paid / count)) if count else None


def _sum(all_: list[Brought]) -> Brought:
    names = Brought.__dataclass_fields__
    return replace(Brought(), **{name: sum(getattr(one, name) for one in all_) for name in names})
