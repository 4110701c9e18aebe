"""Tokens of the API as rows: a token is known by its public half, and proved by the digest of its secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import insert, or_, select, update

from harvester.ledger import rows
from harvester.ledger.access_tables import api_tokens
from harvester.ledger.database import Tx


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token: what it may, for which client (None: for all), and until when. It holds no secret.

    `earlier_digest` is that of the secret before, good until `earlier_until`.
    """

    id: str
    name: str
    scopes: frozenset[str]
    client_id: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    digest: str = field(repr=False)
    earlier_digest: str | None = field(default=None, repr=False)
    earlier_until: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Say whether it lets nobody in any more: it was taken back, or its time is up."""
        return self.revoked_at is not None or (self.expires_at is not None and self.expires_at <= now)


def keep(tx: Tx, token: ApiToken) -> None:
    """Keep a new token."""
    values = {name: getattr(token, name) for name in ApiToken.__dataclass_fields__}
    tx.execute(insert(api_tokens).values(**values | {"scopes": " ".join(sorted(token.scopes))}))


def get(tx: Tx, token_id: str, *, lock: bool = False) -> ApiToken | None:
    """Give the token of this ID; with `lock`, nobody else may change it until the end of `tx`."""
    statement = select(api_tokens).where(api_tokens.c.id == token_id)
    row = tx.execute(statement.with_for_update() if lock else statement).one_or_none()
    return rows.as_record(ApiToken, row, scopes=frozenset(row.scopes.split())) if row else None


def every(tx: Tx) -> list[ApiToken]:
    """Give all of them, the newest first."""
    found = tx.execute(select(api_tokens).order_by(api_tokens.c.created_at.desc(), api_tokens.c.id))
    return [rows.as_record(ApiToken, row, scopes=frozenset(row.scopes.split())) for row in found]


def exchange(tx: Tx, token: ApiToken, digest: str, *, earlier_until: datetime | None) -> None:
    """Give a token another secret; the one that it has is good until then, or no more."""
    earlier = token.digest if earlier_until is not None else None
    values = {"digest": digest, "earlier_digest": earlier, "earlier_until": earlier_until}
    tx.execute(update(api_tokens).where(api_tokens.c.id == token.id).values(**values))


def revoke(tx: Tx, token_id: str, *, now: datetime) -> None:
    """Have a token let nobody in from now on."""
    tx.execute(update(api_tokens).where(api_tokens.c.id == token_id).values(revoked_at=now))


def used(tx: Tx, token_id: str, *, now: datetime, unless_since: datetime) -> None:
    """Note that a token was used, unless that was noted since then."""
    last = api_tokens.c.last_used_at
    due = or_(last.is_(None), last <= unless_since)
    tx.execute(update(api_tokens).where(api_tokens.c.id == token_id, due).values(last_used_at=now))
