"""Paying what Airtable is owed: which rows are due, and what became of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Update, and_, bindparam, case, exists, func, select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import LIVE, State, parts
from harvester.ledger.tables import clients, sightings

#: The field of a lead that people change as well as we.
STATUS: Final = "Posts Harvest Status"


@dataclass(frozen=True, slots=True)
class Owed:
    """One outbox row. `sent` has a digest of each field that Airtable was last sent."""

    id: int
    base: str
    kind: Kind
    key: str
    subject_id: int | None
    client_id: str | None
    version: int
    sent_version: int
    sent: Mapping[str, str] | None
    #: Of a lead, the status that Airtable was last known to show; None: it may be about to change.
    shows: str | None
    record_id: str | None
    state: State
    due_at: datetime | None
    failures: int
    error: str | None
    changed_at: datetime
    sent_at: datetime | None


#: Built once: to build a statement takes longer than to run one of these.
_THESE: Final = outbox.c.id.in_(bindparam("ids", expanding=True))
_LOCK: Final = select(outbox.c.id).where(_THESE).order_by(outbox.c.id).with_for_update()
_KNOWN: Final = select(outbox.c.id, outbox.c.sent).where(_THESE).order_by(outbox.c.id)
_FORGET: Final = (
    update(outbox)
    .where(outbox.c.id == bindparam("row_id"))
    .values(sent=bindparam("left", type_=outbox.c.sent.type))
)
_COLUMNS: Final = tuple(Owed.__dataclass_fields__)
_KIND, _STATE = (_COLUMNS.index(name) for name in ("kind", "state"))
_PAGE: Final = (
    select(*(outbox.c[name] for name in _COLUMNS))
    .where(
        outbox.c.base == bindparam("of_base"),
        outbox.c.kind == bindparam("of_kind"),
        outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type),
    )
    .order_by(outbox.c.due_at, outbox.c.id)
    .limit(bindparam("most"))
)


def from_row(row: Any) -> Owed:
    """Read one row."""
    return rows.as_record(Owed, row, kind=Kind(row.kind), state=State(row.state))


def anything_due(tx: Tx, *, now: datetime) -> bool:
    """Say whether anything is due. Costs next to nothing."""
    return bool(tx.execute(select(exists().where(outbox.c.due_at <= now))).scalar_one())


def due_targets(tx: Tx, master: str, *, now: datetime) -> list[tuple[str, Kind]]:
    """Name each base and kind of which something is due."""
    waiting = outbox.c.due_at <= now
    found = [
        (master, kind)
        for kind in (Kind.JOB_RUN, Kind.CLIENT_RUN, Kind.ACTOR_RUN)
        if tx.execute(
            select(exists().where(outbox.c.base == master, outbox.c.kind == kind, waiting))
        ).scalar_one()
    ]
    for kind in (Kind.LEAD, Kind.POST):
        of_base = and_(outbox.c.base == clients.c.airtable_base, outbox.c.kind == kind, waiting)
        bases = select(clients.c.airtable_base).distinct().where(exists().where(of_base))
        found += [(base, kind) for base in sorted(tx.execute(bases).scalars())]
    return found


def page(tx: Tx, base: str, kind: Kind, *, now: datetime, limit: int) -> list[Owed]:
    """Give the rows of a base and kind that are due, those that are due longest first."""
    of = {"of_base": base, "of_kind": kind, "now": now, "most": limit}
    found = tx.execute(_PAGE, of)
    return [_owed(row, kind) for row in found]


def _owed(row: Sequence[Any], kind: Kind) -> Owed:
    """Read a row of `_PAGE`, which is in the order of `Owed`; it is read for each record that is sent."""
    values = list(row)
    values[_KIND], values[_STATE] = kind, State(row[_STATE])
    return Owed(*values)


def posts_of_records(
    tx: Tx, base: str, record_ids: Collection[str], *, now: datetime | None, limit: int
) -> dict[str, list[Owed]]:
    """Give, for each record of a lead, the rows of its posts that are due; in all at most `limit`.

    `now` None: due or not, those that were seen last.
    """
    record = outbox.alias("record")
    statement = (
        select(record.c.key.label("record"), outbox)
        .join(sightings, sightings.c.post_id == outbox.c.subject_id)
        .join(record, and_(record.c.kind == Kind.LEAD, record.c.subject_id == sightings.c.lead_id))
        .where(
            record.c.base == base,
            record.c.key.in_(record_ids),
            outbox.c.base == base,
            outbox.c.kind == Kind.POST,
            *([outbox.c.due_at <= now] if now is not None else []),
        )
        .distinct()
        .order_by(*((outbox.c.due_at, outbox.c.id) if now is not None else (outbox.c.id.desc(),)))
        .limit(limit)
    )
    found: dict[str, list[Owed]] = {}
    for row in tx.execute(statement):
        found.setdefault(row.record, []).append(from_row(row))
    return found


def get(tx: Tx, kind: Kind, key: str) -> Owed | None:
    """Give the row of a kind and key; the latest, if its base has changed."""
    statement = select(outbox).where(outbox.c.kind == kind, outbox.c.key == key)
    row = tx.execute(statement.order_by(outbox.c.id.desc()).limit(1)).one_or_none()
    return from_row(row) if row else None


def of_keys(tx: Tx, kind: Kind, keys: Collection[str]) -> dict[str, Owed]:
    """Give the rows of these keys by key."""
    found: dict[str, Owed] = {}
    for part in parts(sorted(keys)):
        statement = select(outbox).where(outbox.c.kind == kind, outbox.c.key.in_(part))
        found.update((row.key, from_row(row)) for row in tx.execute(statement.order_by(outbox.c.id)))
    return found


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of a row: the version it was read at, the digests of all fields, its record.

    `shows` is the status of a lead, if that was sent.
    """

    row: Owed
    digests: Mapping[str, str]
    record_id: str | None
    shows: str | None = None


def about_to_send(tx: Tx, fields: Mapping[int, Collection[str]]) -> None:
    """Forget what Airtable has in these fields, by row: it may get others now, whatever is heard of it."""
    _forget(tx, fields)
    told = [row_id for row_id, named in fields.items() if STATUS in named]
    if told:
        these = outbox.c.id.in_(told), outbox.c.kind == Kind.LEAD
        tx.execute(update(outbox).where(*these).values(shows=None))


def not_sent(tx: Tx, found: Sequence[Owed]) -> None:
    """Airtable has taken none of it: of leads, remember again what status they show."""
    _lock(tx, [row.id for row in found])
    for row in found:
        tx.execute(update(outbox).where(outbox.c.id == row.id).values(shows=row.shows))


def acknowledge(tx: Tx, done: Sequence[Sent], *, now: datetime) -> None:
    """Airtable has these. What changed meanwhile stays due."""
    if not done:
        return
    _lock(tx, [one.row.id for one in done])
    values = [
        {
            "row_id": one.row.id,
            "seen": one.row.version,
            "digests": dict(one.digests),
            "found": one.record_id,
            "status": one.shows,
            "at": now,
        }
        for one in sorted(done, key=lambda one: one.row.id)
    ]
    tx.execute(_acknowledging(on_sqlite=tx.on_sqlite), values)


@cache
def _acknowledging(*, on_sqlite: bool) -> Update:
    seen = bindparam("seen", type_=outbox.c.version.type)
    at = bindparam("at", type_=outbox.c.due_at.type)
    later = func.max if on_sqlite else func.greatest
    return (
        update(outbox)
        .where(outbox.c.id == bindparam("row_id"))
        .values(
            sent_version=later(outbox.c.sent_version, seen),
            sent=bindparam("digests", type_=outbox.c.sent.type),
            record_id=bindparam("found"),
            shows=func.coalesce(bindparam("status", type_=outbox.c.shows.type), outbox.c.shows),
            sent_at=at,
            state=State.OK,
            failures=0,
            error=None,
            due_at=case((outbox.c.version > seen, at), else_=None),
        )
    )


def put_off(tx: Tx, row_ids: Collection[int], *, until: datetime, error: str) -> None:
    """Look at these again later; nothing is known to be wrong with them."""
    _lock(tx, row_ids)
    tx.execute(
        update(outbox)
        .where(outbox.c.id.in_(row_ids), outbox.c.due_at.is_not(None))
        .values(due_at=until, error=error)
    )


def give_up(tx: Tx, row: Owed, state: State, *, error: str, kept: str | None = None) -> None:
    """Stop sending a row: until it changes (parked), or for good. What has changed meanwhile stays due.

    Airtable has refused it: what it shows is what it showed before.
    """
    _lock(tx, [row.id])
    values: dict[str, Any] = {"state": state, "error": error, "failures": outbox.c.failures + 1}
    values["shows"] = row.shows
    if kept is not None:
        values["kept"] = kept
    if state is State.PARKED:
        changed = outbox.c.version > row.version
        values["due_at"] = case((changed, outbox.c.due_at), else_=None)
        values["sent_version"] = outbox.c.sent_version
    else:
        values["due_at"] = None
    tx.execute(update(outbox).where(outbox.c.id == row.id).values(**values))


def try_again(tx: Tx, base: str, *, now: datetime) -> None:
    """Make the parked rows of a base due, each of which goes alone."""
    parked = select(outbox.c.id).where(outbox.c.base == base, outbox.c.state == State.PARKED)
    row_ids = list(tx.execute(parked.order_by(outbox.c.id)).scalars())
    _lock(tx, row_ids)
    for part in parts(row_ids):
        tx.execute(update(outbox).where(outbox.c.id.in_(part)).values(due_at=now))


def failed_once(tx: Tx, row_id: int, *, error: str) -> None:
    """Count a failure of a row that stays due."""
    changed = {"failures": outbox.c.failures + 1, "error": error}
    tx.execute(update(outbox).where(outbox.c.id == row_id).values(**changed))


def send_anew(tx: Tx, row_ids: Collection[int], *, now: datetime) -> None:
    """Forget what Airtable was sent of these, and send all of it: somebody may have written over it."""
    _forget(tx, dict.fromkeys(row_ids))
    values = {"version": outbox.c.version + 1, "due_at": now, "state": State.OK, "failures": 0}
    tx.execute(update(outbox).where(outbox.c.id.in_(row_ids), LIVE).values(**values))


def _forget(tx: Tx, fields: Mapping[int, Collection[str] | None]) -> None:
    """Forget the digests of fields, but not that they were sent: one that is empty now is to be cleared.

    None: of all fields.
    """
    _lock(tx, fields.keys())
    values = [
        {"row_id": row_id, "left": sent | dict.fromkeys(sent if named is None else named, "")}
        for row_id, sent, named in (
            (row_id, sent or {}, fields[row_id])
            for row_id, sent in tx.execute(_KNOWN, {"ids": list(fields)}).all()
        )
    ]
    if values:
        tx.execute(_FORGET, values)


def remember(tx: Tx, row_id: int, record_id: str) -> None:
    """Remember which record shows a row."""
    tx.execute(update(outbox).where(outbox.c.id == row_id).values(record_id=record_id, sent=None))


def retire_strangers(tx: Tx, master: str) -> int:
    """Retire rows whose base is neither the master's nor any client's any more. Returns how many."""
    of_nobody = ~exists().where(clients.c.airtable_base == outbox.c.base)
    left = and_(outbox.c.base != master, of_nobody, outbox.c.due_at.is_not(None))
    return tx.execute(update(outbox).where(left).values(state=State.RETIRED, due_at=None)).rowcount


def _lock(tx: Tx, row_ids: Collection[int]) -> None:
    """Lock rows in the one order in which everybody does."""
    if not tx.on_sqlite:
        tx.execute(_LOCK, {"ids": list(row_ids)})
