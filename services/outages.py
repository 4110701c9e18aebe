"""Outages: while Apify cannot be asked, one call at a time finds out whether it can again; all others wait.

Otherwise every row would ask by itself, and the more there are, the more calls would fail. All processes
know of an outage through a lock in the ledger.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from harvester import log
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, due_actor_runs, locks
from services.alerts import over, raise_alert
from services.unreachable import in_words

#: Back-off doubles this often at most: 64 times its first step.
_DOUBLINGS: Final = 6
_LOCK: Final = "outage of Apify"
#: Remembers since when it lasts; it locks nothing. And of one that lasts so long somebody is told.
_SINCE: Final = "outage of Apify since"
_TOLD_AFTER: Final = timedelta(minutes=10)
#: Under which key it is told.
ALERT: Final = "apify outage"
#: However long it lasts, it is looked after so often.
_LONGEST: Final = timedelta(seconds=30)

_log = log.get_logger(__name__)


class Gate(Enum):
    """Whether a call may be made now: to try, it is the only one."""

    OPEN = "open"
    TO_TRY = "to try"
    SHUT = "shut"


class Outages:
    """Knows whether Apify can be asked, from how the last calls went."""

    def __init__(
        self, ledger: Ledger, clock: Callable[[], datetime], *, first_wait: timedelta, trial: timedelta
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._first_wait = first_wait
        self._trial = trial
        self._failed_last = False

    def gate(self, tx: Tx, *, lock: bool = False) -> Gate:
        """Say whether calls are let through; with `lock`, nobody else decides the same until `tx` ends."""
        outage = locks.get(tx, _LOCK, lock=lock)
        if outage is None:
            return Gate.OPEN
        return Gate.SHUT if outage.until > self._clock() else Gate.TO_TRY

    def trying(self, tx: Tx) -> None:
        """Keep the others waiting while one tries."""
        outage = locks.get(tx, _LOCK)
        if outage is not None:
            until = self._clock() + self._trial
            locks.extend(tx, _LOCK, until=until, times=outage.times, reason=outage.reason)

    def failed(self, reason: str, *, tried: bool) -> None:
        """A call came to nothing. One alone may be its object's fault; two in a row are an outage."""
        if not tried and not self._failed_last:
            self._failed_last = True
            return
        try:
            with self._ledger.write() as tx:
                self._go_on(tx, reason, tried=tried)
        except LedgerUnavailable as error:
            _log.warning("An outage could not be written down: %s", error)

    def _go_on(self, tx: Tx, reason: str, *, tried: bool) -> None:
        outage = locks.get(tx, _LOCK, lock=True)
        now = self._clock()
        if outage is not None and not tried:
            return  # one of those that were on the wire when it began
        times = outage.times if outage else 0
        wait = min(backoff(self._first_wait, times), _LONGEST)
        locks.extend(tx, _LOCK, until=now + wait, times=times + 1, reason=reason)
        if outage is None:
            locks.extend(tx, _SINCE, until=now, times=1, reason="")
            tx.after_commit(lambda: _log.error("Apify cannot be asked, all calls wait: %s", reason))
        else:
            self._tell_of_long(tx, reason, now)

    def _tell_of_long(self, tx: Tx, reason: str, now: datetime) -> None:
        since = locks.get(tx, _SINCE)
        if since is not None and now - since.until >= _TOLD_AFTER:
            text = (
                f"Apify cannot be asked since {since.until:%Y-%m-%d %H:%M} UTC: {in_words(reason)}. All work "
                "waits, and goes on by itself; see harvester doctor, and status.apify.com"
            )
            raise_alert(tx, ALERT, text, now=now, again_after=None)

    def worked(self, *, tried: bool) -> None:
        """Apify has answered. If that was the trial, the outage is over and everybody goes on at once."""
        self._failed_last = False
        if not tried:
            return
        try:
            with self._ledger.write() as tx:
                locks.release(tx, _LOCK)
                locks.release(tx, _SINCE)
                over(tx, ALERT, self._clock())
                tx.after_commit(lambda: _log.warning("Apify can be asked again"))
            with self._ledger.write() as tx:
                due_actor_runs.forget_queued(tx)
        except LedgerUnavailable as error:
            _log.warning("The end of an outage could not be written down: %s", error)

    def not_asked(self) -> None:
        """The trial came to no call: let another row try."""
        try:
            with self._ledger.write() as tx:
                outage = locks.get(tx, _LOCK, lock=True)
                if outage is not None:
                    locks.extend(tx, _LOCK, until=self._clock(), times=outage.times, reason=outage.reason)
        except LedgerUnavailable as error:
            _log.warning("A trial could not be handed on: %s", error)


def now(tx: Tx) -> locks.Lock | None:
    """Give the outage that lasts, with its reason and when it is tried again; None if Apify can be asked."""
    return locks.get(tx, _LOCK)


def backoff(base: timedelta, times: int) -> timedelta:
    """Give the wait before the next try: doubling, bounded, and spread so that many do not come at once."""
    spread = random.uniform(0.75, 1.25)  # noqa: S311  # nosec B311 # it spreads calls, and guards nothing
    return base * float(2 ** min(times, _DOUBLINGS)) * spread
