"""Who is signed in at the operations page. A session is known by the digest of its key, never by the key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.page_tables import sessions


@dataclass(frozen=True, slots=True)
class Session:
    """One browser that is signed in, under the name that its operator gave."""

    digest: str
    name: str
    created_at: datetime
    seen_at: datetime
    until: datetime


def begin(tx: Tx, session: Session) -> None:
    """Keep a new session, and forget those that are over."""
    tx.execute(delete(sessions).where(sessions.c.until < session.created_at))
    values = {name: getattr(session, name) for name in Session.__dataclass_fields__}
    rows.insert_unless_there(tx, sessions, **values)


def get(tx: Tx, digest: str, *, now: datetime) -> Session | None:
    """Give a session that is not over."""
    statement = select(sessions).where(sessions.c.digest == digest, sessions.c.until >= now)
    row = tx.execute(statement).one_or_none()
    return rows.as_record(Session, row) if row else None


def seen(tx: Tx, digest: str, *, now: datetime, until: datetime) -> None:
    """Have a session go on until then."""
    tx.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now, until=until))


def end(tx: Tx, digest: str) -> None:
    """End a session."""
    tx.execute(delete(sessions).where(sessions.c.digest == digest))
