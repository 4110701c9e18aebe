"""The inbox: webhook calls, each kept once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Select,
    Text,
    Update,
    any_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from harvester.ledger import many_ids, rows, run_events
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, client_runs, deliveries
from harvester.ledger.types import Utc
from harvester.models import Delivery, DeliveryOutcome


def _delivery(row: Any) -> Delivery:
    return rows.as_record(Delivery, row, outcome=DeliveryOutcome(row.outcome))


@dataclass(frozen=True, slots=True)
class TheirRow:
    """As much of an actor run's row as a delivery needs; `recorded`: its client run has its record."""

    id: int
    marker: str
    client_run_id: str
    client_id: str
    attempt: int
    apify_run_id: str | None
    recorded: bool


def rows_of(tx: Tx, apify_run_ids: Collection[str], markers: Collection[str]) -> list[TheirRow]:
    """Give the rows that have one of these actor runs of Apify's, or that one of these markers names."""
    given = {"apify_run_ids": _texts(tx, apify_run_ids), "markers": _texts(tx, markers)}
    return [TheirRow(*row) for row in tx.execute(_rows_of(on_sqlite=tx.on_sqlite), given)]


@cache
def _rows_of(*, on_sqlite: bool) -> Select[Any]:
    recorded = exists().where(client_runs.c.client_run_id == actor_runs.c.client_run_id)
    columns = [actor_runs.c[field.name] for field in fields(TheirRow) if field.name != "recorded"]
    return select(*columns, recorded).where(
        or_(
            _among(actor_runs.c.apify_run_id, "apify_run_ids", on_sqlite=on_sqlite),
            _among(actor_runs.c.marker, "markers", on_sqlite=on_sqlite),
        )
    )


def _among(column: ColumnElement[Any], name: str, *, on_sqlite: bool) -> ColumnElement[bool]:
    if on_sqlite:
        return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))
    return column == any_(bindparam(name, type_=ARRAY(Text)))


def _texts(tx: Tx, texts: Collection[str]) -> Any:
    return orjson.dumps(list(texts)).decode() if tx.on_sqlite else list(texts)


def store(
    tx: Tx,
    *,
    dispatch_key: str,
    dispatch_id: str | None,
    event_type: str | None,
    apify_run_id: str | None,
    actor_run_id: int | None,
    client_id: str | None,
    outcome: DeliveryOutcome,
    headers: Mapping[str, str],
    body: str,
    now: datetime,
) -> bool:
    """Keep one delivery. False if the same dispatch was kept before.

    Only an accepted one waits to be processed; the others are kept for a person to see.
    """
    row = {
        "dispatch_key": dispatch_key,
        "dispatch_id": dispatch_id,
        "event_type": event_type,
        "apify_run_id": apify_run_id,
        "actor_run_id": actor_run_id,
        "client_id": client_id,
        "outcome": outcome,
        "received_at": now,
        "processed_at": None if outcome is DeliveryOutcome.ACCEPTED else now,
        "headers": headers,
        "body": body,
    }
    return bool(store_all(tx, [row]))


def store_all(tx: Tx, new: Sequence[Mapping[str, Any]]) -> set[str]:
    """Keep deliveries, each a value for every column but `id` and `result`. Gives the dispatch keys of those
    that were not kept before; of two with one key the first is kept.
    """
    # In the order of their keys: two processes that keep the same ones must not wait for each other.
    ordered = sorted(new, key=itemgetter("dispatch_key"))
    return set(tx.execute(_new(on_sqlite=tx.on_sqlite), ordered).scalars()) if ordered else set()


@cache
def _new(*, on_sqlite: bool) -> Any:
    statement = sqlite.insert(deliveries) if on_sqlite else postgresql.insert(deliveries)
    return statement.on_conflict_do_nothing().returning(deliveries.c.dispatch_key)


def wake(tx: Tx, row_ids: Collection[int], *, now: datetime) -> None:
    """Make actor runs due, as `actor_runs.wake` does with one, locking them in the order of their IDs."""
    given = {"ids": many_ids.as_value(tx, row_ids), "moment": now}
    tx.execute(_woken(on_sqlite=tx.on_sqlite), given)


@cache
def _woken(*, on_sqlite: bool) -> Update:
    moment = bindparam("moment", type_=Utc)
    these = select(actor_runs.c.id).where(many_ids.among(actor_runs.c.id, on_sqlite=on_sqlite))
    in_order = these.order_by(actor_runs.c.id).with_for_update(key_share=True)
    return (
        update(actor_runs)
        .where(actor_runs.c.id.in_(in_order))
        .values(
            next_check_at=case(
                (actor_runs.c.next_check_at < moment, actor_runs.c.next_check_at), else_=moment
            ),
            queued_until=None,
            wakes=actor_runs.c.wakes + 1,
        )
    )


def processed(
    tx: Tx,
    actor_run_id: int,
    *,
    seen: Collection[int],
    result: str,
    now: datetime,
    apify_run_id: str | None = None,
) -> None:
    """Mark those of a row's deliveries as processed that were `seen` before Apify was asked.

    Not by their times: those of a machine whose clock is ahead would come too late for ever. With
    `apify_run_id`, only those that speak of this actor run of Apify's.
    """
    statement = update(deliveries).where(
        deliveries.c.actor_run_id == actor_run_id,
        deliveries.c.processed_at.is_(None),
        deliveries.c.id.in_(seen),
    )
    if apify_run_id is not None:
        statement = statement.where(deliveries.c.apify_run_id == apify_run_id)
    done = tx.execute(statement.values(processed_at=now, result=result)).rowcount
    if done:
        calls = "Webhook call" if done == 1 else f"{done} webhook calls"
        run_events.add_of_row(tx, actor_run_id, "processed", f"{calls} looked into: {result}", now=now)


def unread(tx: Tx, actor_run_id: int) -> list[int]:
    """Name the unprocessed deliveries for a row."""
    statement = select(deliveries.c.id).where(
        deliveries.c.actor_run_id == actor_run_id, deliveries.c.processed_at.is_(None)
    )
    return list(tx.execute(statement).scalars())


def get(tx: Tx, delivery_id: int) -> Delivery | None:
    """Give one delivery."""
    row = tx.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
    return _delivery(row) if row else None


def reopen(tx: Tx, delivery_id: int, *, actor_run_id: int, client_id: str) -> Delivery:
    """Make a delivery one that waits to be processed, for this row."""
    values = {"outcome": DeliveryOutcome.ACCEPTED, "actor_run_id": actor_run_id, "client_id": client_id}
    statement = update(deliveries).where(deliveries.c.id == delivery_id)
    statement = statement.values(processed_at=None, result=None, **values)
    return _delivery(tx.execute(statement.returning(deliveries)).one())


def unread_run_ids(tx: Tx, actor_run_id: int) -> list[str]:
    """Name the actor runs of Apify's that unprocessed deliveries for a row speak of."""
    statement = select(deliveries.c.apify_run_id).where(
        deliveries.c.actor_run_id == actor_run_id,
        deliveries.c.processed_at.is_(None),
        deliveries.c.apify_run_id.is_not(None),
    )
    return list(tx.execute(statement.distinct()).scalars())


def page(
    tx: Tx,
    *,
    limit: int,
    before: int | None = None,
    outcome: str | None = None,
    apify_run_id: str | None = None,
    client_run_id: str | None = None,
) -> tuple[list[Delivery], int | None]:
    """List deliveries, newest first, with the cursor of the next page."""
    statement = select(deliveries).order_by(deliveries.c.id.desc()).limit(limit + 1)
    if outcome is not None:
        statement = statement.where(deliveries.c.outcome == outcome)
    if apify_run_id is not None:
        statement = statement.where(deliveries.c.apify_run_id == apify_run_id)
    if client_run_id is not None:
        of_run = select(actor_runs.c.id).where(actor_runs.c.client_run_id == client_run_id)
        statement = statement.where(deliveries.c.actor_run_id.in_(of_run))
    if before is not None:
        statement = statement.where(deliveries.c.id < before)
    found = tx.execute(statement).all()
    return [_delivery(row) for row in found[:limit]], found[limit - 1].id if len(found) > limit else None


def whole(tx: Tx, delivery_id: int) -> tuple[Delivery, dict[str, str], str] | None:
    """Give one delivery with its headers and its body."""
    row = tx.execute(select(deliveries).where(deliveries.c.id == delivery_id)).one_or_none()
    return (_delivery(row), dict(row.headers), row.body) if row else None


def count_by_outcome(tx: Tx) -> dict[str, int]:
    """Count the deliveries kept, by outcome."""
    statement = select(deliveries.c.outcome, func.count()).group_by(deliveries.c.outcome)
    return dict(tx.execute(statement).all())
