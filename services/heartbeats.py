"""Heartbeats: the ping after each scheduled job run that did not fail.

One ping stands for all that are due. It is tried for an hour, each time after twice the wait; the service
that waits for it has told somebody by then, and so do we.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from harvester import log
from harvester.heartbeat import NotTaken, ping
from harvester.ledger import Ledger, Tx, pings
from services.alerts import over, raise_alert

_FIRST_WAIT: Final = timedelta(seconds=5)
_TRIED_FOR: Final = timedelta(hours=1)
_AT_ONCE: Final = 100
_ALERT: Final = "heartbeat"

_log = log.get_logger(__name__)


class Heartbeats:
    """Sends the pings that are due. Without a URL nobody waits for them, and they are dropped."""

    def __init__(
        self,
        ledger: Ledger,
        url: SecretStr | None,
        clock: Callable[[], datetime],
        *,
        send: Callable[[str], None] = ping,
    ) -> None:
        self._ledger = ledger
        self._url = url
        self._clock = clock
        self._send = send

    def due(self, tx: Tx) -> bool:
        """Say whether a ping is due, by one indexed read."""
        return pings.any_due(tx, now=self._clock())

    def __call__(self) -> None:
        """Send one ping for all that are due, or put them off. Raises `LedgerUnavailable`."""
        with self._ledger.read() as tx:
            found = pings.due(tx, now=self._clock(), limit=_AT_ONCE)
        if not found:
            return
        run_ids = [job.run_id for job in found]
        trouble = self._sent()
        now = self._clock()
        with self._ledger.write() as tx:
            if trouble is None:
                pings.put_off(tx, run_ids, until=None)
                over(tx, _ALERT, now)
                return
            for job in found:
                self._put_off(tx, job.run_id, now - (job.reported_at or job.started_at), trouble, now)

    def _sent(self) -> NotTaken | None:
        if self._url is None:
            return None
        try:
            self._send(self._url.get_secret_value())
        except NotTaken as error:
            return error
        return None

    def _put_off(self, tx: Tx, run_id: str, age: timedelta, trouble: NotTaken, now: datetime) -> None:
        if age < _TRIED_FOR:
            pings.put_off(tx, [run_id], until=now + min(max(age, _FIRST_WAIT), _TRIED_FOR - age))
            tx.after_commit(
                lambda: _log.warning("The ping for job run %s is tried again: %s", run_id, trouble)
            )
            return
        pings.put_off(tx, [run_id], until=None)
        text = (
            f"The ping for job run {run_id} was given up after an hour: {trouble}. The harvest itself has "
            "not failed; see whether that service is well, and whether HEARTBEAT_URL is right."
        )
        raise_alert(tx, _ALERT, text, now=now, again_after=None)
