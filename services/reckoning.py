"""Reckoning: what an actor run has brought and cost, against what was asked for and what may be spent."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfoNotFoundError

from harvester import log
from harvester.ledger import Tx, client_runs, clients, due_actor_runs, locks
from harvester.models import ActorRun
from services import budgets, run_records
from services.alerts import raise_alert
from services.budgets import MONTH_RESERVED, Budgets
from services.lots import brings_companions

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reckoning:
    """Budgets, and the most comments and reactions that are asked for per post, from the settings."""

    budgets: Budgets
    max_comments: int
    max_reactions: int

    def __call__(self, tx: Tx, run: ActorRun, *, now: datetime) -> None:
        """Look at an actor run whose dataset was read to its end and whose cost is known.

        What waited for its cost to be known may start.
        """
        if run.cursor > self.may_be_charged(run):
            self._too_many(tx, run, now)
        self.money_is_known(tx, run.client_id, now=now)

    def money_is_known(self, tx: Tx, client_id: str, *, now: datetime) -> None:
        """Tell of a budget that is spent, and let start what waited for a client's money to be known."""
        client = clients.get(tx, client_id)
        if client is not None:
            with suppress(ZoneInfoNotFoundError):  # without a day there is no budget of the day to tell of
                budgets.tell_if_spent(tx, client, self.budgets, now=now)
        due_actor_runs.let_go(tx, client_id, now=now)
        locks.release(tx, MONTH_RESERVED)

    def may_be_charged(self, run: ActorRun) -> int:
        """Count the items that an actor run was asked for at the most; each is charged as a post is."""
        beside = self.max_comments + self.max_reactions if brings_companions(run.actor_id) else 0
        return run.profiles * run.max_posts * (1 + beside)

    def _too_many(self, tx: Tx, run: ActorRun, now: datetime) -> None:
        cost = budgets.usd(run.cost_micros or 0)
        asked = f"{run.profiles} profiles of at most {run.max_posts} posts"
        if (self.max_comments or self.max_reactions) and brings_companions(run.actor_id):
            asked += f", each with {self.max_comments} comments and {self.max_reactions} reactions"
        text = (
            f"batch {run.batch} of {run.client_run_id} brought {run.cursor} items, and was asked for "
            f"{self.may_be_charged(run)} at the most ({asked}); Apify charged {cost} USD"
        )
        remedy = "look at what the actor charges for; to start no more meanwhile: harvester pause"
        raise_alert(tx, f"items of {run.client_id}", f"{_upper(text)}. What to do: {remedy}", now=now)
        record = client_runs.get(tx, run.client_run_id, lock=True)
        if record is not None:
            notes = f"{record.system_notes}\n{run_records.noted(text, now)}"
            client_runs.change(tx, run.client_run_id, system_notes=notes)
        tx.after_commit(lambda: _log.warning("There are more items than were asked for: %s", text))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
