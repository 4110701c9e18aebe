"""How much Airtable is owed, and what it does not take."""

from __future__ import annotations

from sqlalchemy import and_, case, func, or_, select

from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.outbox_sending import Owed
from harvester.ledger.outbox_sending import from_row as owed_from


def counts(tx: Tx) -> list[tuple[str, Kind, str, int]]:
    """Count rows by base, kind and how they stand: `waiting`, `sent`, `parked`, `missing` or `retired`."""
    owed = and_(outbox.c.state == State.OK, outbox.c.due_at.is_not(None))
    stands = case((owed, "waiting"), (outbox.c.state == State.OK, "sent"), else_=outbox.c.state)
    statement = select(outbox.c.base, outbox.c.kind, stands, func.count()).group_by(
        outbox.c.base, outbox.c.kind, stands
    )
    found = [(base, Kind(kind), stand, count) for base, kind, stand, count in tx.execute(statement)]
    return sorted(found)


def standing(tx: Tx) -> dict[str, int]:
    """Count the rows that are not simply sent: `waiting`, `parked`, `missing`. Cheap, however many are."""
    waiting = select(func.count()).where(outbox.c.due_at.is_not(None))
    by_state = select(outbox.c.state, func.count()).where(outbox.c.state != State.OK)
    found = dict(tx.execute(by_state.group_by(outbox.c.state)).all())
    return {
        "waiting": tx.execute(waiting).scalar_one(),
        State.PARKED: found.get(State.PARKED, 0),
        State.MISSING: found.get(State.MISSING, 0),
    }


def wrong(tx: Tx, *, limit: int) -> list[Owed]:
    """Give rows that are parked or missing, newest first."""
    bad = or_(outbox.c.state == State.PARKED, outbox.c.state == State.MISSING)
    newest = select(outbox).where(bad).order_by(outbox.c.id.desc()).limit(limit)
    return [owed_from(row) for row in tx.execute(newest)]
