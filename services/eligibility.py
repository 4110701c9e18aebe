"""Eligibility: whether a client may be harvested now, and if not, why. Kickoff and preview ask the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from harvester.errors import HarvesterError
from harvester.ledger import Tx, client_runs
from harvester.models import Client
from harvester.wording import counted
from services import budgets
from services.plan import Limits, Need, need_of, not_entitled

#: Reasons that pass with time; while the client has a live client run, that is the better answer.
PASSING: Final = frozenset({"target_met", "budget_spent", "batches_used_up"})

#: Why nothing is planned for a client whose guardrail is reached.
USED_UP: Final = "the client's batches of the day are used up"

#: The code of one that has had all its kickoffs of an hour.
TOO_MANY_KICKOFFS: Final = "too_many_kickoffs"
_HOUR: Final = timedelta(hours=1)


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


@dataclass(frozen=True, slots=True)
class HourFull(Skip):
    """A client has had all its kickoffs of an hour, and may have another after `seconds`, 1 to 3600."""

    seconds: int


class TooManyKickoffs(HarvesterError):
    """A client has had all its kickoffs of an hour. Nothing was done; try again after `seconds`."""

    permanent = False

    def __init__(self, full: HourFull) -> None:
        super().__init__(full.reason)
        self.seconds = full.seconds


def hour_full(tx: Tx, client_id: str, limits: Limits, now: datetime) -> HourFull | None:
    """Say whether a client has had all its kickoffs of an hour; None: it may be kicked off.

    Only those that were accepted count, whoever asked; not a retry, which goes on under a record that is
    there. One of a clock that was ahead counts as one of now. Under the client's lock this holds until `tx`
    ends.
    """
    most = limits.kickoffs_per_hour
    first = client_runs.kickoff_before(tx, client_id, most, after=now - _HOUR, by=now + _HOUR)
    if first is None:
        return None
    until = min(first, now) + _HOUR
    reason = (
        f"client {client_id} was kicked off {counted(most, 'time')} within an hour, as often as "
        f"KICKOFFS_PER_HOUR lets it be: again from {until:%H:%M:%S} UTC on"
    )
    return HourFull(TOO_MANY_KICKOFFS, reason, max(1, ceil((until - now).total_seconds())))
