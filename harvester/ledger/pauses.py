"""Pauses: of whom nothing is started at Apify until a person lifts it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, or_, select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import pauses
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRunState

#: The scope of a pause for all clients; that of an actor begins so; any other scope is a client's ID.
ALL: Final = "*"
_ACTOR: Final = "actor:"


@dataclass(frozen=True, slots=True)
class Pause:
    """Starts that wait: whose, since when, why, and who said so."""

    scope: str
    since: datetime
    reason: str
    paused_by: str

    @property
    def actor_id(self) -> str | None:
        """Give the actor of which nothing is started, if the pause is one of an actor."""
        return actor_in(self.scope)

    @property
    def client_id(self) -> str | None:
        """Give the client for which nothing is started, if the pause is one of a client."""
        return None if self.scope == ALL or self.actor_id is not None else self.scope


def actor_in(scope: str) -> str | None:
    """Give the actor that a scope is of, if it is one of an actor."""
    return scope.removeprefix(_ACTOR) if scope.startswith(_ACTOR) else None


def of_actor(actor_id: str) -> str:
    """Give the scope of a pause of an actor."""
    return f"{_ACTOR}{actor_id}"


def put(tx: Tx, pause: Pause) -> bool:
    """Write down a pause. False if there is one of this scope; it is left as it was."""
    values = {name: getattr(pause, name) for name in Pause.__dataclass_fields__}
    return rows.insert_unless_there(tx, pauses, **values)


def get(tx: Tx, scope: str) -> Pause | None:
    """Give the pause of exactly this scope."""
    row = tx.execute(select(pauses).where(pauses.c.scope == scope)).one_or_none()
    return rows.as_record(Pause, row) if row else None


def lift(tx: Tx, scope: str) -> bool:
    """End a pause. False if there is none of this scope."""
    return tx.execute(delete(pauses).where(pauses.c.scope == scope)).rowcount == 1


def standing(tx: Tx) -> list[Pause]:
    """Give all pauses, that of all clients first."""
    found = [rows.as_record(Pause, row) for row in tx.execute(select(pauses).order_by(pauses.c.scope))]
    return sorted(found, key=lambda pause: pause.scope != ALL)


def scopes(tx: Tx) -> set[str]:
    """Give the scopes that are paused."""
    return set(tx.execute(select(pauses.c.scope)).scalars())


def actors(tx: Tx) -> set[str]:
    """Name the actors of which nothing is started."""
    return {scope.removeprefix(_ACTOR) for scope in scopes(tx) if scope.startswith(_ACTOR)}


def of_client(tx: Tx, client_id: str) -> Pause | None:
    """Give the pause that keeps a client's batches from starting: that of all before its own.

    Then that of an actor for which any of them waits.
    """
    return get(tx, ALL) or get(tx, client_id) or next(iter(of_waiting(tx, client_id)), None)


def of_start(tx: Tx, client_id: str, actor_id: str) -> Pause | None:
    """Give the pause that keeps an actor run from starting."""
    asked: dict[str, str] = {"of_all": ALL, "of_client": client_id, "of_actor": of_actor(actor_id)}
    found = {row.scope: rows.as_record(Pause, row) for row in tx.execute(_of_start(), asked)}
    return next((found[scope] for scope in asked.values() if scope in found), None)


@cache
def _of_start() -> Select[Any]:
    named = ("of_all", "of_client", "of_actor")
    return select(pauses).where(or_(*(pauses.c.scope == bindparam(name) for name in named)))


def of_waiting(tx: Tx, client_id: str) -> list[Pause]:
    """Give the pauses of actors for which a client's actor runs wait to be started."""
    found = [pause for pause in standing(tx) if pause.actor_id is not None]
    if not found:
        return []
    planned = select(actor_runs.c.actor_id).where(
        actor_runs.c.client_id == client_id, actor_runs.c.state == ActorRunState.PLANNED
    )
    waited_for = set(tx.execute(planned.distinct()).scalars())
    return [pause for pause in found if pause.actor_id in waited_for]


def holding(tx: Tx, client_ids: Collection[str]) -> list[Pause]:
    """Give the pauses that keep any batch of these clients from starting, that of all clients first."""
    found = standing(tx)
    of_actors = any(pause.actor_id is not None for pause in found)
    waited_for = {one.scope for each in client_ids for one in of_waiting(tx, each)} if of_actors else ()
    return [pause for pause in found if pause.scope in {ALL, *client_ids, *waited_for}]
