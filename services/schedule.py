"""Schedules: what starts by itself, and when. Firing them is `services/scheduled.py`.

The schedule of all clients is a setting, a client's own is the client's, in its time zone. Both are kept as
rows with their next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal

from harvester import cron, log
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, Tx, schedules
from harvester.ledger.schedules import ALL
from harvester.models import Client
from services import schedule_shapes
from services.alerts import over, raise_alert
from services.listing import Listing

Missed = Literal["last", "skip", "all"]
#: Expression and time zone.
Said = tuple[str, str]

#: Rows that one transaction writes at most: on SQLite nobody else can write meanwhile.
_AT_ONCE: Final = 200
_ALERT: Final = "schedule {}"
_CLOCK: Final = "clock was ahead"
_CLOCK_TEXT: Final = (
    "The clock was ahead, and then put back: the schedule {} had its next time at {} UTC by that, and has it "
    "at {} UTC now. Look after the clock of the ledger's machine; what else "
    "was put off by it may still wait (harvester status, harvester schedule)."
)
#: A next time that is no farther off than this needs no second look.
_NEAR: Final = timedelta(days=1)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings say: the schedule of all clients, if any, and what becomes of missed times."""

    expression: str | None
    timezone: str
    missed: Missed


class Schedule:
    """Keeps the rows in line with settings and clients, and shows them."""

    def __init__(self, ledger: Ledger, rules: Rules, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self.rules = rules

    def sync(self) -> None:
        """Bring the rows in line: what is new or changed counts from now on, what is gone is forgotten.

        Raises `LedgerUnavailable`.
        """
        now = self._clock()
        with self._ledger.read() as tx:
            wanted, there = self.wanted(tx), schedules.every(tx)
        changed = [name for name, said in wanted.items() if not _is_as(there.get(name), said)]
        begins = {name: self._begin(name, wanted[name], there.get(name), now) for name in changed}
        gone = [name for name in there if name not in wanted]
        for some in _some(sorted(changed + gone)):
            with self._ledger.write() as tx:
                for name in some:
                    if begins.get(name) is None:
                        schedules.remove(tx, name)
                    else:
                        schedules.put(tx, name, *wanted[name], next_at=begins[name])
                        over(tx, _ALERT.format(name), now)
        self._put_right({name: row for name, row in there.items() if _is_as(row, wanted.get(name))}, now)

    def _put_right(self, there: Mapping[str, schedules.Schedule], now: datetime) -> None:
        """Bring next times back that lie as far ahead as they do only because the clock was ahead.

        None is fired twice by that: each has its idempotency key.
        """
        off = {name: first for name, row in there.items() if (first := _put_off(row, now)) is not None}
        for some in _some(sorted(off)):
            with self._ledger.write() as tx:
                for name in some:
                    if schedules.put_right(tx, there[name], next_at=off[name]):
                        told = [f"{at:%Y-%m-%d %H:%M}" for at in (there[name].next_at, off[name])]
                        text = _CLOCK_TEXT.format(name, *told)
                        raise_alert(tx, _CLOCK, text, now=now, in_log=True)
                        tx.after_commit(partial(_log.warning, "%s", text))

    def listing(self, *, limit: int, after: str | None = None) -> Listing:
        """Show the schedules by name, from the one behind `after`, each with its next times."""
        with self._ledger.read() as tx:
            wanted, there, now = self.wanted(tx), schedules.every(tx), self._clock()
        names = sorted(name for name in wanted if after is None or name > after)
        shown = [_shown(name, wanted[name], there.get(name), now) for name in names[:limit]]
        return Listing(shown, names[limit - 1] if len(names) > limit else None)

    def of_client(self, client: Client) -> dict[str, Any] | None:
        """Show the schedule that starts a client: its own, else that of all clients; None without any."""
        name, said = ALL, (self.rules.expression or "", self.rules.timezone)
        if client.schedule is not None:
            name, said = schedules.name_of(client.client_id), (client.schedule, client.timezone)
        if not said[0]:
            return None
        with self._ledger.read() as tx:
            row = schedules.some(tx, [name]).get(name)
        return _shown(name, said, row, self._clock())

    def wanted(self, tx: Tx) -> dict[str, Said]:
        """Give what there should be, by name, whether a worker has taken it up or not."""
        found = schedules.of_clients(tx)
        if self.rules.expression is not None:
            found[ALL] = (self.rules.expression, self.rules.timezone)
        return found

    def _begin(self, name: str, said: Said, row: schedules.Schedule | None, now: datetime) -> datetime | None:
        """Reckon when a new schedule begins. None, and an alert, for one that cannot be reckoned with."""
        try:
            return _next_of(said, row, now)
        except InvalidInput as error:
            text = (
                f"The schedule {name} starts nothing: {error}. It is {said[0]!r} in {said[1]!r}; give the "
                "client another one with harvester clients set --schedule, or correct its time zone."
            )
            with self._ledger.write() as tx:
                raise_alert(tx, _ALERT.format(name), text, now=now)
            return None


def _is_as(row: schedules.Schedule | None, said: Said | None) -> bool:
    return row is not None and row.next_at is not None and (row.expression, row.timezone) == said


def _next_of(said: Said, row: schedules.Schedule | None, now: datetime) -> datetime | None:
    """Give the next time: what the row says, if it is of the same schedule, else anew, and none twice."""
    if row is not None and _is_as(row, said):
        return row.next_at
    return _coming(said, row.last_at if row is not None else None, now)


def _coming(said: Said, last: datetime | None, now: datetime) -> datetime | None:
    """Give the first time from now on but the one that was fired last, by a clock that was a little ahead."""
    first = cron.following(*said, after=now)
    return cron.following(*said, after=first) if first is not None and first == last else first


def _put_off(row: schedules.Schedule, now: datetime) -> datetime | None:
    """Give the time that should come next, if the row's is a later one because a clock was ahead.

    That is so where it was fired later than now, or where there is a whole time more in between. What lies
    less far off was announced before the rules of its zone have changed.
    """
    fired_ahead = row.fired_at is not None and row.fired_at > now
    if row.next_at is None or not (fired_ahead or row.next_at - now > _NEAR):
        return None
    said = (row.expression, row.timezone)
    with suppress(InvalidInput):
        first = _coming(said, row.last_at, now)
        between = first if fired_ahead or first is None else cron.following(*said, after=first)
        if between is not None and row.next_at > between:
            return first
    return None


def _shown(name: str, said: Said, row: schedules.Schedule | None, now: datetime) -> dict[str, Any]:
    try:
        next_at = _next_of(said, row, now)
        times = [] if next_at is None else cron.upcoming(*said, start=next_at, count=schedule_shapes.TIMES)
    except InvalidInput as error:
        return schedule_shapes.schedule(name, said, row, [], error=str(error))
    return schedule_shapes.schedule(name, said, row, times)


def _some(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
