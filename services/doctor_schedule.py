"""What the doctor says of starts: are they paused, does anything start by itself, does a worker see to it?"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, pauses, schedules, schema
from harvester.settings import Settings
from services.overview import other_schema
from services.pauses import in_words
from services.restore import IsBackup, refuse_backup
from services.schedule import Rules, Schedule

#: A worker that runs fires within seconds.
_OVERDUE: Final = timedelta(minutes=10)
_NONE: Final = (
    "nothing starts by itself: SCHEDULE is unset, and no client has a schedule of its own (a crontab may "
    "call harvester process)"
)
_UNKNOWN: Final = "not looked at, since the ledger cannot be read"


def starts_by_itself(settings: Settings, now: datetime) -> tuple[bool, str]:
    """Say whether a scheduled time has passed that nobody has fired, and how schedules stand, in words."""
    url = settings.database_url.get_secret_value()
    try:
        refuse_backup(url)
        with closing(Ledger(url)) as ledger, ledger.read() as tx:
            if other_schema(schema.current(tx)) is not None:
                return False, _UNKNOWN
            rules = Rules(settings.schedule, settings.schedule_timezone, settings.schedule_missed)
            wanted = Schedule(ledger, rules, lambda: now).wanted(tx)
            there = [one for name, one in schedules.every(tx).items() if name in wanted]
            waiting = schedules.due(tx, now=now - _OVERDUE, one_by_one=rules.missed == "all", limit=1)
    except (LedgerUnavailable, IsBackup):  # which is a finding of its own
        return False, _UNKNOWN
    if waiting:
        late = f"{waiting[0].name} was due at {waiting[0].next_at:%Y-%m-%d %H:%M} UTC"
        return True, f"{late}, and no worker has started it"
    return False, _in_words(len(wanted), there) if wanted else _NONE


def held_up(url: str) -> str:
    """Name the pauses of starts. Somebody wanted them, so that they are nothing that is not well."""
    try:
        refuse_backup(url)
        with closing(Ledger(url)) as ledger, ledger.read() as tx:
            if other_schema(schema.current(tx)) is not None:
                return _UNKNOWN
            found = pauses.standing(tx)
    except (LedgerUnavailable, IsBackup):  # which is a finding of its own
        return _UNKNOWN
    told = "; ".join(map(in_words, found))
    return f"{told} (go on: harvester resume --starts, or --actor)" if told else "not paused"


def _in_words(wanted: int, there: list[schedules.Schedule]) -> str:
    count = "1 schedule" if wanted == 1 else f"{wanted} schedules"
    times = [(one.next_at, one.name) for one in there if one.next_at is not None]
    if not times:
        return f"{count}; a worker takes {'it' if wanted == 1 else 'them'} up when it starts"
    next_at, name = min(times)
    return f"{count}, next {name} at {next_at:%Y-%m-%d %H:%M} UTC"
