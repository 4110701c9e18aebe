"""What a client's actor runs have used, and may still use: money, batches, posts asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, String, and_, bindparam, case, exists, false, func, not_, null, or_, select

from harvester.ledger import outcomes
from harvester.ledger.actor_runs import IN_FLIGHT
from harvester.ledger.backfills import FOREIGN
from harvester.ledger.columns import fixed
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, client_runs
from harvester.ledger.types import Utc
from harvester.models import ActorRunState, ClientRunStatus

#: States in which an actor run may still cost more than is known.
_NOT_OVER: Final = (*IN_FLIGHT, ActorRunState.ENDED, ActorRunState.INGESTING)
_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
_UNSETTLED: Final = fixed(actor_runs.c.state, _NOT_OVER)
#: Over, and Apify has not told for good what it cost.
_UNTOLD: Final = and_(fixed(actor_runs.c.state, _OVER), actor_runs.c.cost_due_at.is_not(None))
_KNOWN: Final = func.coalesce(actor_runs.c.cost_micros, 0)
_LEFT: Final = case((actor_runs.c.cap_micros > _KNOWN, actor_runs.c.cap_micros - _KNOWN), else_=0)
#: At work, or being read, and waiting for no person; or told to have cost nothing, which is looked into.
_MOVING: Final = or_(
    and_(_UNSETTLED, actor_runs.c.parked_at.is_(None)),
    and_(_UNTOLD, actor_runs.c.state == ActorRunState.INGESTED, actor_runs.c.cost_micros.is_not(None)),
)
_PAID: Final[Any] = func.coalesce(func.sum(_KNOWN), 0)
_RESERVED: Final[Any] = func.coalesce(func.sum(case((or_(_UNSETTLED, _UNTOLD), _LEFT), else_=0)), 0)
_UNDER_WAY: Final[Any] = func.coalesce(func.max(case((_MOVING, 1), else_=0)), 0)


@dataclass(frozen=True, slots=True)
class Money:
    """What actor runs have cost by Apify's figures, and what those may cost besides that are not over, or of
    which Apify has not told for good what they cost.

    In millionths of a USD. `under_way`: one of them waits for no person, and may leave more than it reserves.
    """

    paid: int = 0
    reserved: int = 0
    under_way: bool = False


def of_client(tx: Tx, client_id: str, *, since: datetime) -> Money:
    """Sum up a client's actor runs that were started since then."""
    paid, reserved, moving = tx.execute(_of_client(), {"client_id": client_id, "since": since}).one()
    return Money(int(paid), int(reserved), bool(moving))


@cache
def _of_client() -> Select[Any]:
    its_own = actor_runs.c.client_id == bindparam("client_id")
    return select(_PAID, _RESERVED, _UNDER_WAY).where(
        its_own, actor_runs.c.start_requested_at >= bindparam("since")
    )


def by_client(tx: Tx, since: Mapping[str, datetime]) -> dict[str, Money]:
    """Sum up the actor runs of several clients, each since a moment of its own. Without any: no entry."""
    together: dict[datetime, list[str]] = {}
    for client_id, moment in since.items():
        together.setdefault(moment, []).append(client_id)
    client, started = actor_runs.c.client_id, actor_runs.c.start_requested_at
    which = [and_(client.in_(ids), started >= moment) for moment, ids in together.items()]
    sums = select(client, _PAID, _RESERVED, _UNDER_WAY).where(or_(false(), *which)).group_by(client)
    return {row[0]: Money(int(row[1]), int(row[2]), bool(row[3])) for row in tx.execute(sums)}


def of_all(tx: Tx, *, since: datetime) -> Money:
    """Sum up the actor runs of all clients that were started since then.

    In one statement: a cost that becomes known between two of them would be in neither sum.
    """
    started = actor_runs.c.start_requested_at
    recent = started >= since

    def alone(column: Any, *which: Any) -> Any:
        return select(column).where(*which).scalar_subquery()

    # What was paid is read from an index alone, however many there are. Of those that are over few are not
    # told: SQLite must look for them by the index of these, and by none of states or times.
    over = actor_runs.c.state.concat("").in_(_OVER)
    told_late = (actor_runs.c.cost_due_at.is_not(None), over, func.coalesce(started, null()) >= since)
    split = [
        alone(column, *which)
        for which in ((_UNSETTLED, recent), told_late)
        for column in (_RESERVED, _UNDER_WAY)
    ]
    paid, reserved, moving, untold, looked_into = tx.execute(select(alone(_PAID, recent), *split)).one()
    return Money(int(paid), int(reserved) + int(untold), bool(moving or looked_into))


@dataclass(frozen=True, slots=True)
class Day:
    """What a client's day has brought, may still bring, and has used: posts, posts to come, and batches."""

    posts: int
    posts_to_come: int
    batches: int


def of_day(tx: Tx, client_id: str, *, since: datetime) -> Day:
    """Count `outcomes.posts_since`, `posts_to_come` and `batches_since` at once."""
    return Day(*map(int, tx.execute(_of_day(), {"client_id": client_id, "since": since}).one()))


@cache
def _of_day() -> Select[Any]:
    asked = (outcomes.posts_asked(), _posts_to_come(), _batches_since())
    return select(*(each.scalar_subquery() for each in asked))


def posts_to_come(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the posts that a client's open actor runs may bring at the most.

    Those of client runs that are live, or were planned since then: what is left over from a client run that
    timed out, or waits for a person, must not count for ever.
    """
    return int(tx.execute(_posts_to_come(), {"client_id": client_id, "since": since}).scalar_one())


@cache
def _posts_to_come() -> Select[Any]:
    asked = func.coalesce(func.sum(actor_runs.c.profiles * actor_runs.c.max_posts), 0)
    still_open = not_(fixed(actor_runs.c.state, _OVER))
    live = exists().where(
        client_runs.c.client_run_id == actor_runs.c.client_run_id,
        client_runs.c.status == ClientRunStatus.RUNNING,
    )
    return select(asked).where(
        actor_runs.c.client_id == bindparam("client_id", type_=String),
        still_open,
        actor_runs.c.parked_at.is_(None),
        or_(live, actor_runs.c.created_at >= bindparam("since", type_=Utc)),
    )


def batches_since(tx: Tx, client_id: str, *, since: datetime) -> int:
    """Count the batches planned for a client since then, but those given up before Apify had them.

    The actor runs of a lot are one batch of leads, and count as one. Foreign datasets are none.
    """
    return int(tx.execute(_batches_since(), {"client_id": client_id, "since": since}).scalar_one())


@cache
def _batches_since() -> Select[Any]:
    foreign = actor_runs.c.client_run_id.startswith(FOREIGN)
    never_sent = and_(actor_runs.c.state == ActorRunState.FAILED, actor_runs.c.apify_run_id.is_(None))
    number = func.coalesce(actor_runs.c.lot, actor_runs.c.batch)
    found = (
        select(actor_runs.c.client_run_id, number)
        .where(
            actor_runs.c.client_id == bindparam("client_id", type_=String),
            actor_runs.c.created_at >= bindparam("since", type_=Utc),
            not_(never_sent),
            not_(foreign),
        )
        .distinct()
    )
    return select(func.count()).select_from(found.subquery())
