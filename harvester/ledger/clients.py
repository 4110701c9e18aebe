"""Clients, the tenants. IDs are compared as they are: `acme` and `Acme` are two clients."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.tables import clients
from harvester.models import Client


def add(tx: Tx, client: Client) -> bool:
    """Store a new client. False if one of that ID exists; it is left as it was."""
    values = {name: getattr(client, name) for name in Client.__dataclass_fields__}
    return rows.insert_unless_there(tx, clients, **values)


def get(tx: Tx, client_id: str) -> Client | None:
    """Give the client of exactly this ID."""
    row = tx.execute(_one(), {"client_id": client_id}).one_or_none()
    return rows.as_record(Client, row) if row else None


@cache
def _one() -> Select[Any]:
    return select(clients).where(clients.c.client_id == bindparam("client_id"))


def change(tx: Tx, client_id: str, **values: Any) -> bool:
    """Set some of a client's values. False if there is no such client."""
    statement = update(clients).where(clients.c.client_id == client_id).values(**values)
    return tx.execute(statement).rowcount == 1


def put(tx: Tx, client: Client) -> None:
    """Store a client as Airtable has it, but for what the ledger alone knows of it."""
    values = {name: getattr(client, name) for name in Client.__dataclass_fields__}
    if not rows.insert_unless_there(tx, clients, **values):
        for name in ("created_at", "daily_budget_micros", "schedule", "actor_id"):
            del values[name]
        tx.execute(update(clients).where(clients.c.client_id == client.client_id).values(**values))


def every(tx: Tx) -> dict[str, Client]:
    """Give all clients by their IDs."""
    return {row.client_id: rows.as_record(Client, row) for row in tx.execute(select(clients))}


def some(tx: Tx, client_ids: Collection[str]) -> dict[str, Client]:
    """Give those of these clients that there are, by their IDs."""
    statement = select(clients).where(clients.c.client_id.in_(client_ids))
    return {row.client_id: rows.as_record(Client, row) for row in tx.execute(statement)}


def of_base(tx: Tx, base: str) -> list[Client]:
    """Give the clients that name a base of Airtable's, by ID. There should be one at the most."""
    statement = select(clients).where(clients.c.airtable_base == base).order_by(clients.c.client_id)
    return [rows.as_record(Client, row) for row in tx.execute(statement)]


def own_actors(tx: Tx, *, status: str) -> dict[str, list[str]]:
    """Give the actors that clients of a status name for themselves, each with these clients, by ID."""
    mine = (clients.c.status == status, clients.c.actor_id.is_not(None))
    found: dict[str, list[str]] = {}
    statement = select(clients.c.actor_id, clients.c.client_id).where(*mine)
    for actor_id, client_id in tx.execute(statement.order_by(clients.c.actor_id, clients.c.client_id)):
        found.setdefault(actor_id, []).append(client_id)
    return found


def of_status(tx: Tx, status: str, *, stream: int | None = None, limit: int | None = None) -> list[Client]:
    """Give the clients of a status, of one stream if one is named, by ID; so many at the most."""
    statement = select(clients).where(clients.c.status == status).order_by(clients.c.client_id).limit(limit)
    if stream is not None:
        statement = statement.where(clients.c.stream == stream)
    return [rows.as_record(Client, row) for row in tx.execute(statement)]


def page(tx: Tx, *, limit: int, after: str | None = None) -> list[Client]:
    """List clients by ID, from the one behind `after`."""
    statement = select(clients).order_by(clients.c.client_id).limit(limit)
    if after is not None:
        statement = statement.where(clients.c.client_id > after)
    return [rows.as_record(Client, row) for row in tx.execute(statement)]
