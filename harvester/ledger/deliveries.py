"""The inbox: webhook calls, each kept once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update

from harvester.ledger import rows, run_events
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, deliveries
from harvester.models import Delivery, DeliveryOutcome


def _delivery(row: Any) -> Delivery:
    return rows.as_record(Delivery, row, outcome=DeliveryOutcome(row.outcome))


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
    headers: dict[str, str],
    body: str,
    now: datetime,
) -> bool:
    """Keep one delivery. False if the same dispatch was kept before.

    Only an accepted one waits to be processed; the others are kept for a person to see.
    """
    return rows.insert_unless_there(
        tx,
        deliveries,
        dispatch_key=dispatch_key,
        dispatch_id=dispatch_id,
        event_type=event_type,
        apify_run_id=apify_run_id,
        actor_run_id=actor_run_id,
        client_id=client_id,
        outcome=outcome,
        received_at=now,
        processed_at=None if outcome is DeliveryOutcome.ACCEPTED else now,
        headers=headers,
        body=body,
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
