"""The watch: what nobody else would notice, since it is that nothing happens; and alerts that are over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from harvester.ledger import Ledger, Tx, alerts, locks, parked, silence
from services import dead_letters
from services.alerts import over, raise_alert
from services.plan import ACTIVE, ENTITLED_FROM_LEVEL

#: The matter that nothing was harvested for too long.
NOTHING_RAN: Final = "nothing ran"
#: Remembers when it was last all right that nothing ran; it locks nothing.
_ALL_RIGHT: Final = "nothing is to run"
#: Alerts that were over for so long are forgotten.
_KEPT: Final = timedelta(days=90)


class Watch:
    """Looks every so often. A look that finds all as it was writes nothing."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], *, nothing_ran: timedelta) -> None:
        """Build it. `nothing_ran`: how long nothing may run before somebody is told."""
        self._ledger = ledger
        self._clock = clock
        self._nothing_ran = nothing_ran

    @property
    def every(self) -> timedelta:
        """How often it is to look."""
        return min(timedelta(minutes=5), self._nothing_ran / 4)

    def __call__(self) -> None:
        """Look once. Raises `LedgerUnavailable`."""
        now = self._clock()
        with self._ledger.read() as tx:
            since = self._quiet_since(tx)
            told = NOTHING_RAN in alerts.standing_keys(tx, NOTHING_RAN, now=now)
            gone = self._letters_gone(tx, now)
            old = alerts.any_over(tx, before=now - _KEPT)
        if since is None:
            self._all_right(now, told=told)
        elif now - since >= self._nothing_ran and not told:
            self._tell(since, now)
        elif now - since < self._nothing_ran and told:
            self._over([NOTHING_RAN], now)
        if gone:
            self._over(gone, now)
        if old:
            with self._ledger.write() as tx:
                alerts.forget(tx, before=now - _KEPT)

    def _quiet_since(self, tx: Tx) -> datetime | None:
        """Tell since when nothing ran, and should have; None while nobody is to be harvested."""
        could = silence.could_harvest_since(tx, status=ACTIVE, from_level=ENTITLED_FROM_LEVEL)
        if could is None:
            return None
        right = locks.get(tx, _ALL_RIGHT)
        known = (could, silence.last_started(tx), None if right is None else right.until)
        return max(one for one in known if one is not None)

    def _all_right(self, now: datetime, *, told: bool) -> None:
        """Nobody is to be harvested: when somebody is again, he is waited for anew."""
        with self._ledger.write() as tx:
            locks.extend(tx, _ALL_RIGHT, until=now, times=1, reason="")
            if told:
                over(tx, NOTHING_RAN, now)

    def _tell(self, since: datetime, now: datetime) -> None:
        hours = (now - since) / timedelta(hours=1)
        text = (
            f"Nothing was harvested for {hours:.1f} hours, although there are clients that may be. Is the "
            "schedule right (harvester schedule), and does the cron job still call? harvester doctor looks "
            "for what is wrong, harvester process starts everybody now"
        )
        with self._ledger.write() as tx:
            raise_alert(tx, NOTHING_RAN, text, now=now, again_after=None)

    def _letters_gone(self, tx: Tx, now: datetime) -> list[str]:
        """Name the alerts of dead letters that wait for nobody any more: a webhook has come for them."""
        told = alerts.standing_keys(tx, dead_letters.ALERT, now=now)
        if not told:
            return []
        waiting = {dead_letters.alert_key(row_id) for row_id in parked.ids(tx)}
        return [key for key in told if key not in waiting]

    def _over(self, keys: list[str], now: datetime) -> None:
        with self._ledger.write() as tx:
            for key in keys:
                over(tx, key, now)
