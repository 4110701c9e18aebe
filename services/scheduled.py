"""Firing schedules: a job run for each of their times, once, whoever looks and however many.

To fire is to move a schedule's next time on, by an update that must hit what was seen, in the transaction
that reserves the job run: nothing is fired twice, and a crash loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from harvester import cron, log
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, schedules
from harvester.ledger.schedules import Schedule
from services.process import Ask, Process
from services.schedule import Missed

#: A time that is found later than this is a missed one.
LATE: Final = timedelta(minutes=5)
#: Missed times that are made good at most, where each is.
MOST_MISSED: Final = 31
_AT_ONCE: Final = 100

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Firing:
    """One scheduled time that has come. `client_id` is None for the schedule of all clients."""

    schedule: str
    client_id: str | None
    time: datetime
    now: datetime


def job_runs_of(process: Process) -> Callable[[Tx, Firing], str]:
    """Fire by reserving job runs, whose kickoffs a worker goes on with at once.

    The schedule of all clients is for those that have none of their own. That each time is fired once is
    held by its idempotency key as well, whatever becomes of the row.
    """

    def fire(tx: Tx, firing: Firing) -> str:
        ask = Ask(
            client_id=firing.client_id,
            schedule=firing.schedule,
            without_schedule=firing.client_id is None,
            idempotency_key=f"schedule {firing.schedule} {firing.time:%Y-%m-%dT%H:%MZ}",
        )
        return process.reserve(tx, ask, firing.now)

    return fire


class Scheduled:
    """Fires what is due."""

    def __init__(
        self,
        ledger: Ledger,
        fire: Callable[[Tx, Firing], str],
        clock: Callable[[], datetime],
        *,
        missed: Missed,
    ) -> None:
        """Build it. `fire` reserves a job run, in the transaction that it is given, and gives its run ID.

        `missed` says what becomes of times that nobody was there for: the last of them is fired, none, or
        all of them, one when the job run of the one before is over.
        """
        self._ledger = ledger
        self._fire = fire
        self._clock = clock
        self._missed = missed

    def due(self, tx: Tx) -> bool:
        """Say whether a schedule is due, by one indexed read."""
        return bool(self._due(tx, self._clock(), limit=1))

    def _due(self, tx: Tx, now: datetime, limit: int) -> list[Schedule]:
        return schedules.due(tx, now=now, one_by_one=self._missed == "all", limit=limit)

    def __call__(self) -> None:
        """Fire what is due. One that fails keeps no other from it; its error is raised at the end.

        Raises `LedgerUnavailable`.
        """
        now = self._clock()
        with self._ledger.read() as tx:
            found = self._due(tx, now, _AT_ONCE)
        failed: Exception | None = None
        for one in found:
            try:
                self._fire_one(one, now)
            except LedgerUnavailable:
                raise
            except Exception as error:
                _log.error("Schedule %s could not be fired, and is tried again: %s", one.name, error)
                failed = error
        if failed is not None:
            raise failed

    def _fire_one(self, seen: Schedule, now: datetime) -> None:
        time, next_at = self._reckoned(seen, now)
        told = (seen.name, f"{time:%Y-%m-%d %H:%M}")
        late = now - time > LATE
        with self._ledger.write() as tx:
            if late and self._missed == "skip":
                if schedules.passed_over(tx, seen, next_at=next_at):
                    tx.after_commit(lambda: _log.warning("Schedule %s has missed %s UTC", *told))
            elif schedules.fired(tx, seen, time, next_at=next_at, now=now):
                run_id = self._fire(tx, Firing(seen.name, seen.client_id, time, now))
                how = "which was missed" if late else "which has come"
                said = "Schedule %s fires for %s UTC, %s: job run %s"
                tx.after_commit(lambda: _log.info(said, *told, how, run_id))

    def _reckoned(self, seen: Schedule, now: datetime) -> tuple[datetime, datetime | None]:
        """Choose the time to be fired, and the next. What was announced counts, if a zone's rules changed."""
        assert seen.next_at is not None
        said = (seen.expression, seen.timezone)
        if self._missed == "all":
            missed = cron.latest(*said, since=seen.next_at, until=now, most=MOST_MISSED)
            time = (missed or [seen.next_at])[0]
            return time, cron.following(*said, after=time)
        (time,) = cron.latest(*said, since=seen.next_at, until=now) or [seen.next_at]
        return time, cron.following(*said, after=now)
