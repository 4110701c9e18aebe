"""Alerts: told to the agency through Apprise, each matter once until it is over and comes up again.

A matter is written down in the ledger, in the transaction in which it comes up, and told afterwards by a
chore: an alert is lost with nothing else, and holds up nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import SecretStr

from harvester import log
from harvester.errors import HarvesterError, InvalidInput
from harvester.ledger import Ledger, Tx, activity, alerts
from harvester.ledger.alerts import Alert
from harvester.models import ClientRun, ClientRunStatus

_DAY: Final = timedelta(days=1)
#: What comes up together is told together.
_MOMENT: Final = timedelta(seconds=10)
#: Of many at once, so many are told in words.
_IN_WORDS: Final = 20
#: Longest reason that an alert repeats, in characters; the record has all of it.
_REASON_CHARS: Final = 500

#: A cursor is when the last one came up, in UTC to the microsecond, and its key.
_CURSOR: Final = "%Y%m%dT%H%M%S.%f~"

_log = log.get_logger(__name__)


class NotTold(HarvesterError):
    """None of the services of `ALERT_URLS` took the alerts; they are told again later."""

    permanent = False


def raise_alert(
    tx: Tx,
    key: str,
    text: str,
    *,
    now: datetime,
    again_after: timedelta | None = _DAY,
    in_log: bool = False,
) -> None:
    """Bring a matter up under a key that names it, such as `airtable cap app…`.

    It is told once, and again when it comes up `again_after` that or later; one that has not come up for so
    long is over. With None it stands, and is told no more, until `over` is called with its key. What is told
    is logged as well, unless it is `in_log` in other words.
    """
    if alerts.bring_up(tx, key, text, now=now, again_after=again_after) and not in_log:
        tx.after_commit(lambda: _log.error("%s", text))


def over(tx: Tx, key: str, now: datetime) -> None:
    """End a matter, if it stands: when it comes up again it is told again."""
    if alerts.over(tx, key, now=now):
        tx.after_commit(lambda: _log.info("Over: %s", key))


def harvest_ended(
    tx: Tx, run: ClientRun, status: ClientRunStatus, note: str, now: datetime, *, is_word: bool = True
) -> None:
    """Raise an alert for a client run that did not end well, until one of its client does.

    What a person has cancelled says nothing about the client. Nor does one that is no word (not `is_word`):
    it had nothing to do, or only met a budget, of which an alert of its own tells.
    """
    key = f"client {run.client_id} failed"
    if not is_word:
        return
    if status is ClientRunStatus.COMPLETED:
        over(tx, key, now)
    elif status in (ClientRunStatus.FAILED, ClientRunStatus.COMPLETED_WITH_ERRORS):
        text = (
            f"Client {run.client_id}: client run {run.client_run_id} ended {status}: {_shortened(note)}. "
            "What it found is kept, and leads without an answer are due again. See harvester runs "
            f"{run.client_run_id}, put right what it says, then harvester retry {run.client_run_id}"
        )
        raise_alert(tx, key, text, now=now, again_after=None)


def _shortened(note: str) -> str:
    told = note.rstrip(".")  # as Apify's own messages end
    return told if len(told) <= _REASON_CHARS else f"{told[:_REASON_CHARS]}…"


class Alerts:
    """Tells what has come up to the services behind `ALERT_URLS`; without any, the log was enough."""

    def __init__(self, ledger: Ledger, urls: Sequence[SecretStr], clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._urls = urls
        self._clock = clock

    def due(self, tx: Tx) -> bool:
        """Say whether something is to be told, after a moment in which others may join it."""
        return alerts.any_untold(tx, since=self._clock() - _MOMENT)

    def __call__(self) -> None:
        """Tell what nobody was told of yet, all in one message. Raises `NotTold`, `LedgerUnavailable`."""
        with self._ledger.read() as tx:
            found = alerts.untold(tx, limit=_IN_WORDS)
            keys = alerts.untold_keys(tx) if found else []
        if not found:
            return
        if self._urls:
            self._tell(_message(found, len(keys)))
        with self._ledger.write() as tx:
            alerts.told(tx, keys, now=self._clock())

    def _tell(self, text: str) -> None:
        """Tell all services. One that took it must not hear it again because another one did not."""
        from apprise import Apprise  # takes long to import, and is seldom needed

        taken = 0
        for url in self._urls:
            service = Apprise()
            service.add(url.get_secret_value())
            taken += bool(service.notify(body=text, title="post-harvester needs somebody"))
        if not taken:
            raise NotTold("no service of ALERT_URLS took the alerts")
        if taken < len(self._urls):
            _log.warning("Services of ALERT_URLS that took the alerts: %d of %d", taken, len(self._urls))


def _message(found: Sequence[Alert], in_all: int) -> str:
    lines = [f"{alert.text} (since {alert.first_at:%Y-%m-%d %H:%M} UTC)" for alert in found]
    more = in_all - len(found)
    if more > 0:
        lines.append(f"… and {more} more: see harvester alerts")
    return "\n".join(lines)


class Standing:
    """Shows what stands, and lets a person end it."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def page(self, *, limit: int, after: str | None = None) -> tuple[list[Alert], str | None]:
        """List what stands, the newest first, with the cursor of the next page.

        Raises `InvalidInput` for a bad cursor.
        """
        last = None if after is None else _behind(after)
        with self._ledger.read() as tx:
            found, cursor = alerts.standing(tx, now=self._clock(), limit=limit, after=last)
        return found, None if cursor is None else f"{cursor[0]:{_CURSOR}}{cursor[1]}"

    def one(self, key: str) -> Alert | None:
        """Give the matter of a key, if it stands."""
        with self._ledger.read() as tx:
            return alerts.one(tx, key, now=self._clock())

    def over(self, key: str, *, by: str = "operator") -> bool:
        """End a matter, on behalf of `by`, until it comes up again. False if it does not stand."""
        now = self._clock()
        with self._ledger.write() as tx:
            ended = alerts.over(tx, key, now=now)
            if ended:
                ids = {"client_run_id": None, "client_id": None}
                activity.record(tx, "end alert", source=by, **ids, ok=True, detail=key, now=now)
        return ended


def _behind(cursor: str) -> tuple[datetime, str]:
    at, mark, key = cursor.partition("~")
    try:
        return datetime.strptime(at + mark, _CURSOR).replace(tzinfo=UTC), key
    except ValueError:
        raise InvalidInput(
            "cursor must be the nextCursor of an earlier answer", code="invalid_cursor"
        ) from None
