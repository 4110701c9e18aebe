"""When a base of Airtable is left alone, until when, and who finds out whether it can be asked again.

A base that answers 429 waits as long as Airtable demands. One that cannot be asked, or whose workspace has
used up its calls of the month, waits for longer; then one call tries, and all others wait for what comes of
it. All of it is in the ledger, so every process knows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.airtable_errors import Blocked
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, airtable_meter, airtable_slots
from harvester.ledger.airtable_slots import Slot
from services.alerts import raise_alert
from services.outages import backoff

#: While one call tries, the others ask again after so long.
_SOON: Final = timedelta(seconds=1)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long a base is left alone. `first`, `longest`: in an outage; `trial`: longer than a call takes."""

    lockout: timedelta = timedelta(seconds=30)
    cap: timedelta = timedelta(hours=1)
    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(seconds=60)
    trial: timedelta = timedelta(seconds=60)


class Blocks:
    """Leaves bases alone, from how the last calls went. A call begins and ends in one thread."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], waits: Waits) -> None:
        self._ledger = ledger
        self._clock = clock
        self._waits = waits
        self._call = _Call()

    def require_open(self, slot: Slot, now: datetime, *, meta: bool) -> None:
        """Raise `Blocked` while the base is left alone. A cap does not hold for what is `meta`."""
        until = slot.blocked_until
        if until is None or until <= now or (meta and slot.capped):
            return
        raise Blocked(
            f"Airtable base {slot.base} is left alone: {slot.reason}",
            min(until, now + _SOON) if slot.trying else until,
        )

    def begun(self, tx: Tx, slot: Slot, now: datetime, *, meta: bool) -> None:
        """Note that a call is about to be made; after an outage the first one tries for all."""
        self._call.doubtful = slot.failures > 0
        self._call.tries = slot.out and not (meta and slot.capped)
        if self._call.tries:
            airtable_slots.try_alone(tx, slot, until=now + self._waits.trial)

    def worked(self, base: str, *, meta: bool) -> None:
        """Airtable has answered: what was wrong is over. A cap is not, if the answer is `meta`."""
        if not self._call.doubtful:
            return

        def note(tx: Tx, slot: Slot) -> None:
            if not slot.failures or (meta and slot.capped):
                return
            airtable_slots.unblock(tx, slot)
            if slot.out:
                tx.after_commit(lambda: _log.warning("Airtable base %s can be asked again", base))

        self._note(base, note)

    def failed(self, base: str, told: str) -> None:
        """Airtable could not be asked. Once may be that call's own fault; twice in a row is an outage."""

        def note(tx: Tx, slot: Slot) -> None:
            now = self._clock()
            if slot.blocked_until is not None and slot.blocked_until > now and not self._call.tries:
                return  # one of those that were on the wire when it began
            failures = slot.failures + 1
            if failures < airtable_slots.OUTAGE:
                airtable_slots.count_failure(tx, slot)
                return
            wait = min(backoff(self._waits.first, failures - airtable_slots.OUTAGE), self._waits.longest)
            airtable_slots.block(tx, slot, until=now + wait, reason=told, failures=failures)
            if not slot.out:
                tx.after_commit(lambda: _log.error("Airtable base %s cannot be asked: %s", base, told))

        self._note(base, note)

    def too_fast(self, base: str) -> None:
        """Airtable has said 429, and says nothing else for some time."""

        def note(tx: Tx, slot: Slot) -> None:
            now = self._clock()
            airtable_meter.refused(tx, base, now=now)
            if slot.capped:
                return
            until = max(now + self._waits.lockout, slot.blocked_until or now)
            airtable_slots.block(tx, slot, until=until, reason="asked too often (429)", failures=0)
            tx.after_commit(lambda: _log.warning("Airtable base %s was asked too often, and waits", base))

        self._note(base, note)

    def capped(self, base: str, told: str) -> None:
        """The calls of the month are used up: people are told, and one call tries every so often."""

        def note(tx: Tx, slot: Slot) -> None:
            now = self._clock()
            airtable_meter.refused(tx, base, now=now)
            reason = f"{airtable_slots.CAPPED}: {told}"
            airtable_slots.block(
                tx, slot, until=now + self._waits.cap, reason=reason, failures=airtable_slots.OUTAGE
            )
            text = (
                f"Airtable takes no more calls this month from the workspace of base {base}. Nothing is "
                "lost: it arrives once the plan is upgraded or the month is over."
            )
            raise_alert(tx, f"airtable cap {base}", text, now=now)

        self._note(base, note)

    def _note(self, base: str, note: Callable[[Tx, Slot], None]) -> None:
        """Write down how a call went. Its outcome is worth more than the note, if the ledger takes none."""
        try:
            with self._ledger.write() as tx:
                note(tx, airtable_slots.made(tx, base, now=self._clock()))
        except LedgerUnavailable as error:
            _log.warning("How a call to Airtable went could not be written down: %s", error)


class _Call(threading.local):
    """The call that a thread makes: whether it tries for all, and whether something was wrong before it."""

    tries: bool = False
    doubtful: bool = False
