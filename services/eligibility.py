"""Eligibility: whether a client may be harvested now, and if not, why. Kickoff and preview ask the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from harvester.ledger import Tx
from harvester.models import Client
from services import budgets
from services.plan import Limits, Need, need_of, not_entitled

#: Reasons that pass with time; while the client has a live client run, that is the better answer.
PASSING: Final = frozenset({"target_met", "budget_spent", "batches_used_up"})

#: Why nothing is planned for a client whose guardrail is reached.
USED_UP: Final = "the client's batches of the day are used up"


@dataclass(frozen=True, slots=True)
class Skip:
    """Why nothing is started for a client: a stable code and a sentence."""

    code: str
    reason: str


def why_not(
    tx: Tx,
    client: Client,
    limits: Limits,
    now: datetime,
    *,
    chosen: bool = False,
    guarded: bool = False,
    need: Need | None = None,
) -> Skip | None:
    """Say why a client is not to be harvested now; None if it is.

    `chosen`: certain profiles are asked for, whatever the target; `guarded`: nor is it if its batches of the
    day are used up; `need`: what it needs, if that is known. A client that is closed may be kicked off:
    settling says in its record why nothing came of it.
    """
    barred = not_entitled(client)
    if barred is not None:
        return Skip(*barred)
    if client.airtable_error is not None:
        return None
    if not chosen and client.daily_target <= 0:
        return Skip("no_target", "the client's daily target is 0")
    need = need or need_of(tx, client, limits, now)
    if not chosen and need.posts <= 0:
        return Skip("target_met", "the client's target of the day is met")
    spent = budgets.spent(tx, client, limits.budgets, now)
    if spent is not None:
        return Skip("budget_spent", spent)
    return Skip("batches_used_up", USED_UP) if guarded and need.batches < 1 else None
