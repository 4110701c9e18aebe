"""The outbox as the check and the adoption need it: what Airtable should hold, and is known to hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, null, or_, select, update

from harvester.ledger import rows
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State, parts
from harvester.ledger.outbox_sending import Owed, from_row
from harvester.ledger.tables import actor_runs, client_runs, clients, posts

_AT_ONCE: Final = 2_000
_SENDABLE: Final = (State.OK, State.PARKED)
#: What a row is that is sent once more.
_DUE: Final = {"state": State.OK, "failures": 0, "error": None}


@dataclass(frozen=True, slots=True)
class Known:
    """One outbox row, without what it was sent."""

    id: int
    key: str
    client_id: str | None
    record_id: str | None
    state: State
    version: int
    sent_version: int
    due_at: datetime | None
    sent_at: datetime | None
    error: str | None

    @property
    def told(self) -> bool:
        """True once Airtable was sent something of it, rather than only known to have it."""
        return self.sent_version > 0

    @property
    def owed(self) -> bool:
        """True if something of it is still to be sent, and will be."""
        return self.state is State.OK and self.due_at is not None

    @property
    def forgotten(self) -> bool:
        """True if something of it is still to be sent, and never will be: `stuck` gives such rows."""
        return self.state is State.OK and self.due_at is None and self.version > self.sent_version


@dataclass(frozen=True, slots=True)
class Unshown:
    """A row of the ledger that no outbox row speaks of. `owe` is what `Tx.owe` takes."""

    base: str
    key: str
    client_id: str | None
    owe: str | int


def known(tx: Tx, base: str, kind: Kind) -> Iterator[Known]:
    """Give all outbox rows of a base and kind."""
    columns = [outbox.c[name] for name in Known.__dataclass_fields__]
    after = 0
    while True:
        these = (outbox.c.base == base, outbox.c.kind == kind, outbox.c.id > after)
        found = tx.execute(select(*columns).where(*these).order_by(outbox.c.id).limit(_AT_ONCE)).all()
        if not found:
            return
        after = found[-1].id
        yield from (rows.as_record(Known, row, state=State(row.state)) for row in found)


def is_known(tx: Tx, base: str, kind: Kind) -> bool:
    """Say whether the outbox has any row of a base and kind."""
    this = exists().where(outbox.c.base == base, outbox.c.kind == kind)
    return bool(tx.execute(select(this)).scalar_one())


def stuck(tx: Tx) -> list[Owed]:
    """Give the rows, of all bases, that will not be sent by themselves: what Airtable refused, and what has
    changed and is not due.
    """
    forgotten = and_(
        outbox.c.state == State.OK, outbox.c.due_at.is_(None), outbox.c.version > outbox.c.sent_version
    )
    these = or_(outbox.c.state == State.PARKED, forgotten)
    return [from_row(row) for row in tx.execute(select(outbox).where(these).order_by(outbox.c.id))]


def deleted(tx: Tx, base: str, kind: Kind) -> set[int]:
    """Name the rows, by ID, whose records a person deleted."""
    these = (outbox.c.base == base, outbox.c.kind == kind, outbox.c.state == State.MISSING)
    return set(tx.execute(select(outbox.c.id).where(*these)).scalars())


def of_records(
    tx: Tx, base: str, kind: Kind, *, record_ids: Collection[str], keys: Collection[str]
) -> list[Owed]:
    """Give the rows whose records these are, and those that have these keys."""
    found: dict[int, Owed] = {}
    for column, values in ((outbox.c.record_id, record_ids), (outbox.c.key, keys)):
        for part in parts(sorted(values)):
            statement = select(outbox).where(outbox.c.base == base, outbox.c.kind == kind, column.in_(part))
            found.update((row.id, from_row(row)) for row in tx.execute(statement))
    return list(found.values())


def unshown(tx: Tx, kind: Kind, master: str) -> list[Unshown]:
    """Give what the ledger holds of a kind and Airtable was never owed; leads, intake alone knows."""
    found = tx.execute(_unshown(kind, master)).all() if kind is not Kind.LEAD else []
    return [Unshown(row[0] or master, row[1], row[2], row[3]) for row in found]


def _unshown(kind: Kind, master: str) -> Select[Any]:
    if kind is Kind.JOB_RUN:
        column = job_runs.c.run_id
        missing = ~_has_row(master, kind, column)
        return select(null(), column, null(), column).where(missing).order_by(column)
    if kind is Kind.CLIENT_RUN:
        column = client_runs.c.client_run_id
        missing = ~_has_row(master, kind, column)
        return (
            select(null(), column, client_runs.c.client_id, column).where(missing).order_by(client_runs.c.id)
        )
    if kind is Kind.ACTOR_RUN:
        column = actor_runs.c.apify_run_id
        missing = ~_has_row(master, kind, column)
        chosen = select(null(), column, actor_runs.c.client_id, actor_runs.c.id)
        return chosen.where(column.is_not(None), missing).order_by(actor_runs.c.id)
    base = clients.c.airtable_base
    return (
        select(base, posts.c.post_key, posts.c.client_id, posts.c.id)
        .join(clients, clients.c.client_id == posts.c.client_id)
        .where(base.is_not(None), clients.c.airtable_error.is_(None), ~_has_row(base, kind, posts.c.post_key))
        .order_by(posts.c.id)
    )


def _has_row(base: Any, kind: Kind, key: Any) -> ColumnElement[bool]:
    return exists().where(outbox.c.base == base, outbox.c.kind == kind, outbox.c.key == key)


@dataclass(frozen=True, slots=True)
class Found:
    """Something that Airtable has already. What the ledger does not hold itself is only known by it."""

    key: str
    record_id: str | None
    client_id: str | None = None
    subject_id: int | None = None
    held: bool = True


def note(tx: Tx, base: str, kind: Kind, found: Sequence[Found], *, now: datetime) -> None:
    """Note what Airtable has already: nothing is owed of it until it changes. Known rows stay as they are."""
    fixed = {"base": base, "kind": kind, "version": 0, "sent_version": 0, "changed_at": now}
    new = [
        {
            **fixed,
            "key": one.key,
            "record_id": one.record_id,
            "subject_id": one.subject_id,
            "client_id": one.client_id,
            "state": State.OK if one.held else State.RETIRED,
        }
        for one in sorted(found, key=lambda one: one.key)
    ]
    if new:
        tx.execute(rows.upsert(tx, outbox).on_conflict_do_nothing(), new)


def keys_of(tx: Tx, base: str, kind: Kind, keys: Collection[str]) -> set[str]:
    """Say which of these keys have a row."""
    found: set[str] = set()
    for part in parts(sorted(keys)):
        these = (outbox.c.base == base, outbox.c.kind == kind, outbox.c.key.in_(part))
        found.update(tx.execute(select(outbox.c.key).where(*these)).scalars())
    return found


def gone(tx: Tx, row_id: int, record_id: str, *, state: State) -> None:
    """Note that a person deleted the record of a row: it is not made anew by itself."""
    this = (outbox.c.id == row_id, outbox.c.record_id == record_id)
    values = {"state": state, "due_at": None, "error": f"its record {record_id} is gone from Airtable"}
    tx.execute(update(outbox).where(*this).values(**values))


def make_anew(tx: Tx, row_id: int, *, now: datetime) -> None:
    """Have a record made again that a person deleted."""
    these = (outbox.c.id == row_id, outbox.c.state == State.MISSING)
    values = {**_DUE, "record_id": None, "sent": null(), "version": outbox.c.version + 1, "due_at": now}
    tx.execute(update(outbox).where(*these).values(**values))


def take_back(tx: Tx, row_id: int, record_id: str, *, now: datetime) -> None:
    """Send all there is to a record that a person deleted and brought back."""
    these = (outbox.c.id == row_id, outbox.c.record_id == record_id, outbox.c.state == State.MISSING)
    values = {**_DUE, "sent": null(), "version": outbox.c.version + 1, "due_at": now}
    tx.execute(update(outbox).where(*these).values(**values))


def send_again(tx: Tx, row_id: int, columns: Collection[str], *, now: datetime) -> None:
    """Send these columns again, empty ones too; all of them if none is named. Parked rows are tried anew."""
    statement = select(outbox.c.sent).where(outbox.c.id == row_id, outbox.c.state.in_(_SENDABLE))
    row = tx.execute(statement if tx.on_sqlite else statement.with_for_update()).one_or_none()
    if row is None:
        return
    sent = {**(row.sent or {}), **dict.fromkeys(columns, "")} if columns else null()
    values = {**_DUE, "sent": sent, "version": outbox.c.version + 1, "due_at": now}
    tx.execute(update(outbox).where(outbox.c.id == row_id).values(**values))


def relink(tx: Tx, row_id: int, record_id: str, *, now: datetime) -> None:
    """Let another record show a row from now on, and send it all there is."""
    values = {**_DUE, "record_id": record_id, "sent": null(), "version": outbox.c.version + 1, "due_at": now}
    tx.execute(update(outbox).where(outbox.c.id == row_id).values(**values))
