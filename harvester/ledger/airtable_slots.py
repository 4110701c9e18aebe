"""When Airtable may be asked next: one row per base, one for the token, shared by all processes.

Airtable takes five requests a second of one base, fifty of one token, and after one too many none for 30
seconds. So requests are spaced out, never counted in windows: a slot is a moment that belongs to one request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import airtable_slots
from harvester.ledger.database import Tx

#: From so many failures in a row on, nobody asks but one at a time, to find out whether it goes again.
OUTAGE: Final = 2
#: How the reason of a base begins whose workspace has used up its calls of the month.
CAPPED: Final = "calls of the month used up"
#: How a reason begins while one call finds out whether it still holds.
_TRYING: Final = "being tried again after: "
#: A moment further off than a gap and this was written by a clock that has been put back since.
_FARTHEST: Final = timedelta(seconds=10)
_TOKEN: Final = "token"  # noqa: S105 - a column's name
_BASE: Final = "base "


@dataclass(frozen=True, slots=True)
class Slot:
    """Of one base: its next free moment; until when it is left alone, and why; failures in a row."""

    name: str
    next_at: datetime
    blocked_until: datetime | None
    reason: str | None
    failures: int

    @property
    def base(self) -> str:
        """The base that this is about."""
        return self.name.removeprefix(_BASE)

    @property
    def out(self) -> bool:
        """True in an outage, and when capped: whoever asks first when it is over asks alone."""
        return self.failures >= OUTAGE

    @property
    def capped(self) -> bool:
        """True when the workspace has used up its calls of the month."""
        return self.out and (self.reason or "").removeprefix(_TRYING).startswith(CAPPED)

    @property
    def trying(self) -> bool:
        """True while one call finds out whether it goes again."""
        return (self.reason or "").startswith(_TRYING)


def get(tx: Tx, base: str) -> Slot | None:
    """Give a base's slot."""
    return _get(tx, _BASE + base, lock=False)


def made(tx: Tx, base: str, *, now: datetime) -> Slot:
    """Give a base's slot, made if need be, for this transaction alone to change."""
    return _made(tx, _BASE + base, now)


def blocked(tx: Tx, *, now: datetime) -> list[Slot]:
    """Give the bases that are left alone now, by name."""
    statement = select(airtable_slots).where(airtable_slots.c.blocked_until > now)
    return [rows.as_record(Slot, row) for row in tx.execute(statement.order_by(airtable_slots.c.name))]


def free_at(slot: Slot, *, now: datetime, gap: timedelta) -> datetime:
    """Say when a slot is free next, which is in the past if nobody has asked for some time."""
    return slot.next_at if slot.next_at - now < gap + _FARTHEST else now


def take(tx: Tx, slot: Slot, *, now: datetime, base_gap: timedelta, token_gap: timedelta) -> datetime:
    """Take the next moment that is free for the base and for the token. `slot` is from `made`.

    Call it when the base's own moment has nearly come, or the token would be kept waiting with it.
    """
    token = _made(tx, _TOKEN, now)
    moment = max(now, free_at(token, now=now, gap=token_gap), free_at(slot, now=now, gap=base_gap))
    next_of = {slot.name: moment + base_gap, _TOKEN: moment + token_gap}
    tx.execute(_TAKE, [{"slot": name, "at": at} for name, at in next_of.items()])
    return moment


def block(tx: Tx, slot: Slot, *, until: datetime, reason: str | None, failures: int) -> None:
    """Leave a base alone until then."""
    _set(tx, slot.name, blocked_until=until, reason=reason, failures=failures)


def try_alone(tx: Tx, slot: Slot, *, until: datetime) -> None:
    """Let one call find out whether the base can be asked again; nobody else asks until then."""
    reason = _TRYING + (slot.reason or "").removeprefix(_TRYING)
    _set(tx, slot.name, blocked_until=until, reason=reason)


def count_failure(tx: Tx, slot: Slot) -> None:
    """Note a failure that may have been one call's own."""
    _set(tx, slot.name, failures=slot.failures + 1)


def unblock(tx: Tx, slot: Slot) -> None:
    """Let a base be asked again, at its pace."""
    _set(tx, slot.name, blocked_until=None, reason=None, failures=0)


#: Built once: to build a statement takes longer than to run one of these.
_NAMED: Final = select(airtable_slots).where(airtable_slots.c.name == bindparam("slot"))
_LOCKED: Final = _NAMED.with_for_update()
_TAKE: Final = (
    update(airtable_slots)
    .where(airtable_slots.c.name == bindparam("slot"))
    .values(next_at=bindparam("at", type_=airtable_slots.c.next_at.type))
)


def _get(tx: Tx, name: str, *, lock: bool) -> Slot | None:
    row = tx.execute(_LOCKED if lock else _NAMED, {"slot": name}).one_or_none()
    return rows.as_record(Slot, row) if row else None


def _made(tx: Tx, name: str, now: datetime) -> Slot:
    found = _get(tx, name, lock=True)
    while found is None:
        rows.insert_unless_there(tx, airtable_slots, name=name, next_at=now)
        found = _get(tx, name, lock=True)
    return found


def _set(tx: Tx, name: str, **values: Any) -> None:
    tx.execute(update(airtable_slots).where(airtable_slots.c.name == name).values(**values))
