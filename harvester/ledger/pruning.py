"""What the ledger can do without after a while: old deliveries, raw items behind posts, comments, reactions
and rejects, stories.

What goes is found and let go by the same condition, so that what was changed in between stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Table,
    Text,
    and_,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from harvester.ledger.database import Tx
from harvester.ledger.page_tables import run_events
from harvester.ledger.post_tables import companions
from harvester.ledger.tables import actor_runs, client_runs, deliveries, posts, rejects, sightings
from harvester.models import ActorRunState, ClientRunStatus, DeliveryOutcome

_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)
#: Outcomes of deliveries that may go. One that is not named here stays.
_DONE_WITH: Final = (
    DeliveryOutcome.ACCEPTED,
    DeliveryOutcome.DUPLICATE,
    DeliveryOutcome.IGNORED,
    DeliveryOutcome.UNKNOWN_RUN,
)

Key = tuple[Any, ...]


class Kind(StrEnum):
    """What can be pruned."""

    DELIVERIES = "deliveries"
    RAW_ITEMS = "rawItems"
    RAW_COMPANIONS = "rawCompanions"
    REJECT_SAMPLES = "rejectSamples"
    RUN_EVENTS = "runEvents"


@dataclass(frozen=True, slots=True)
class Found:
    """How much of one kind there is: rows, bytes of content, and the times of the oldest and the newest."""

    rows: int
    bytes: int
    oldest: datetime | None
    newest: datetime | None


@dataclass(frozen=True, slots=True)
class _Terms:
    """One kind in SQL: of which table which rows, their bytes and time, and what they become (None: gone)."""

    table: Table
    which: ColumnElement[bool]
    size: ColumnElement[int]
    time: ColumnElement[datetime]
    emptied: dict[str, Any] | None

    @property
    def key(self) -> ColumnElement[Any]:
        """The primary key, as one value to compare."""
        return tuple_(*self.table.primary_key)


def survey(tx: Tx, kind: Kind, *, before: datetime) -> Found:
    """Measure what of one kind is older than `before`."""
    terms = _terms(tx, kind, before)
    measured = select(
        func.count(),
        func.coalesce(func.sum(terms.size), 0),
        func.min(terms.time),
        func.max(terms.time),
    )
    rows, size, oldest, newest = tx.execute(measured.select_from(terms.table).where(terms.which)).one()
    return Found(rows, int(size), oldest, newest)


def keys(tx: Tx, kind: Kind, *, before: datetime, after: Key | None, limit: int) -> list[Key]:
    """Name the next rows of one kind that are older than `before`, in the order of their keys."""
    terms = _terms(tx, kind, before)
    statement = select(*terms.table.primary_key).where(terms.which)
    if after is not None:
        statement = statement.where(terms.key > tuple_(*after))
    in_order = statement.order_by(*terms.table.primary_key).limit(limit)
    return [tuple(row) for row in tx.execute(in_order)]


def let_go(tx: Tx, kind: Kind, named: Sequence[Key], *, before: datetime) -> tuple[int, int]:
    """Prune those of the rows `named` that are still older than `before`. Returns rows and bytes."""
    terms = _terms(tx, kind, before)
    still = select(*terms.table.primary_key, terms.size).where(terms.key.in_(named), terms.which)
    going = [tuple(row) for row in tx.execute(still.with_for_update(of=terms.table))]
    these = terms.key.in_([row[:-1] for row in going])
    if terms.emptied is None:
        tx.execute(delete(terms.table).where(these))
    else:
        tx.execute(update(terms.table).where(these).values(**terms.emptied))
    return len(going), sum(row[-1] for row in going)


def _terms(tx: Tx, kind: Kind, before: datetime) -> _Terms:
    terms = {
        Kind.DELIVERIES: _deliveries,
        Kind.RAW_ITEMS: _raw_items,
        Kind.RAW_COMPANIONS: _raw_companions,
        Kind.REJECT_SAMPLES: _samples,
        Kind.RUN_EVENTS: _events,
    }
    return terms[kind](tx, before)


def _deliveries(tx: Tx, before: datetime) -> _Terms:
    which = and_(
        deliveries.c.outcome.in_(_DONE_WITH),
        deliveries.c.processed_at.is_not(None),
        deliveries.c.received_at < before,
    )
    size = _bytes(tx, deliveries.c.body) + _bytes(tx, deliveries.c.headers)
    return _Terms(deliveries, which, size, deliveries.c.received_at, None)


def _raw_items(tx: Tx, before: datetime) -> _Terms:
    seen_by = select(sightings.c.actor_run_id).where(sightings.c.post_id == posts.c.id).correlate(posts)
    needed = select(actor_runs.c.id).where(
        or_(actor_runs.c.id == posts.c.first_actor_run_id, actor_runs.c.id.in_(seen_by)), ~_over(before)
    )
    size = func.length(posts.c.raw)
    which = and_(size > 0, posts.c.last_seen_at < before, ~needed.correlate(posts).exists())
    return _Terms(posts, which, size, posts.c.last_seen_at, {"raw": b""})


def _raw_companions(tx: Tx, before: datetime) -> _Terms:
    needed = select(actor_runs.c.id).where(actor_runs.c.id == companions.c.first_actor_run_id, ~_over(before))
    size = func.length(companions.c.raw)
    which = and_(size > 0, companions.c.last_seen_at < before, ~needed.correlate(companions).exists())
    return _Terms(companions, which, size, companions.c.last_seen_at, {"raw": b""})


def _samples(tx: Tx, before: datetime) -> _Terms:
    over = select(actor_runs.c.id).where(_over(before))
    some = or_(rejects.c.sample.is_not(None), rejects.c.raw.is_not(None))
    which = and_(some, rejects.c.actor_run_id.in_(over))
    size = _or_nothing(_bytes(tx, rejects.c.sample)) + _or_nothing(func.length(rejects.c.raw))
    time = select(_ended_at()).where(actor_runs.c.id == rejects.c.actor_run_id).scalar_subquery()
    return _Terms(rejects, which, size, time, {"sample": None, "raw": None})


def _events(tx: Tx, before: datetime) -> _Terms:
    """Of a client run that runs, every line stays."""
    its_own = client_runs.c.client_run_id == run_events.c.client_run_id
    live = select(client_runs.c.id).where(its_own, client_runs.c.status == ClientRunStatus.RUNNING)
    which = and_(run_events.c.at < before, ~live.correlate(run_events).exists())
    return _Terms(run_events, which, _bytes(tx, run_events.c.detail), run_events.c.at, None)


def _over(before: datetime) -> ColumnElement[bool]:
    """Say in SQL that an actor run was over before then, and that it waits for no person."""
    return and_(actor_runs.c.state.in_(_OVER), actor_runs.c.parked_at.is_(None), _ended_at() < before)


def _ended_at() -> ColumnElement[datetime]:
    """Give an actor run's end; one that was given up before it had started has none."""
    return func.coalesce(actor_runs.c.apify_finished_at, actor_runs.c.created_at)


def _bytes(tx: Tx, column: ColumnElement[Any]) -> ColumnElement[int]:
    # SQLite has octet_length from 3.43 on.
    as_text = cast(column, Text)
    return func.length(cast(as_text, LargeBinary)) if tx.on_sqlite else func.octet_length(as_text)


def _or_nothing(size: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(size, 0)
