"""Alerts: told to the agency through Apprise, each matter once a day however often it comes up.

A matter is written down in the ledger, in the transaction in which it comes up, and told afterwards by a
chore: an alert is lost with nothing else, and holds up nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from harvester import log
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, alerts

_AGAIN_AFTER: Final = timedelta(days=1)
_AT_ONCE: Final = 20

_log = log.get_logger(__name__)


class NotTold(HarvesterError):
    """None of the services of `ALERT_URLS` took the alerts; they are told again later."""

    permanent = False


def raise_alert(tx: Tx, key: str, text: str, *, now: datetime) -> None:
    """Bring a matter up under a key that names it, such as `airtable cap app…`. The log has it once a day."""
    if alerts.bring_up(tx, key, text, now=now, again_after=_AGAIN_AFTER):
        tx.after_commit(lambda: _log.error("%s", text))


class Alerts:
    """Tells what has come up to the services behind `ALERT_URLS`; without any, the log was enough."""

    def __init__(self, ledger: Ledger, urls: Sequence[SecretStr], clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._urls = urls
        self._clock = clock

    def __call__(self) -> None:
        """Tell what nobody was told of yet. Raises `NotTold`, `LedgerUnavailable`."""
        with self._ledger.read() as tx:
            found = alerts.untold(tx, limit=_AT_ONCE)
        if not found:
            return
        if self._urls:
            self._tell(
                "\n".join(f"{alert.text} (since {alert.first_at:%Y-%m-%d %H:%M} UTC)" for alert in found)
            )
        with self._ledger.write() as tx:
            alerts.told(tx, [alert.key for alert in found], now=self._clock())

    def _tell(self, text: str) -> None:
        from apprise import Apprise  # takes long to import, and is seldom needed

        told = Apprise()
        for url in self._urls:
            told.add(url.get_secret_value())
        if not told.notify(body=text, title="post-harvester needs somebody"):
            raise NotTold("no service of ALERT_URLS took the alerts")
