"""The Apify account: how many actor runs it lets us have at once, and how much of its month is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from harvester import log
from harvester.apify import Apify
from harvester.ledger import Ledger, Tx, account, due_actor_runs
from harvester.ledger.account import Account
from services.alerts import over, raise_alert
from services.budgets import usd

#: The key of the alert, and the part of the account's own month from which on somebody should know.
_ALERT: Final = "apify month"
_NEARLY: Final = 0.9

_log = log.get_logger(__name__)


class ReadAccount:
    """A chore: ask Apify what the account may use. What cannot be read now stays as it was."""

    def __init__(self, ledger: Ledger, apify: Apify, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._apify = apify
        self._clock = clock

    def __call__(self) -> None:
        """Read the limits, and say if the month is nearly used. Raises `ApifyError`, `LedgerUnavailable`."""
        found = self._apify.limits()
        now = self._clock()
        with self._ledger.write() as tx:
            account.put(tx, Account(**asdict(found), read_at=now))
            self._tell(tx, found.month_used_micros, found.month_limit_micros, now)
        _log.debug("The Apify account was read: %s", found)

    def _tell(self, tx: Tx, used: int | None, limit: int | None, now: datetime) -> None:
        if used is None or limit is None or used < _NEARLY * limit:
            over(tx, _ALERT, now)
            return
        text = f"The Apify account has used {usd(used)} of the {usd(limit)} USD of its month"
        told = f"{text}. What to do: raise its limit in Apify Console, or Apify will refuse starts"
        raise_alert(tx, _ALERT, told, now=now, again_after=None)


def most_in_flight(tx: Tx, most: int) -> int:
    """Say how many actor runs of ours may be at work at once: `most` by the settings, and no more than the
    account's own limits allow, as last read; but at least one. Its memory is shared out in pieces such as
    the actor run had that was started last.
    """
    known = account.get(tx)
    if known is None:
        return most
    bounds = [most] if known.max_runs is None else [most, known.max_runs]
    if known.max_memory_mb is not None:
        memory = due_actor_runs.latest_memory_mb(tx)
        bounds += [known.max_memory_mb // memory] if memory else []
    return max(1, min(bounds))
