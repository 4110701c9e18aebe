"""What reconcile looks through: actor runs that are open, or that may have changed at Apify since."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, func, or_, select, update

from harvester.ledger.actor_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs
from harvester.models import ActorRun, ActorRunState

_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)
_OPEN = and_(actor_runs.c.state.not_in(_OVER), actor_runs.c.parked_at.is_(None))


def at_apify(tx: Tx) -> list[int]:
    """Name the open rows of which something was sent to Apify, oldest first, without those parked."""
    statement = select(actor_runs.c.id).where(_OPEN, actor_runs.c.state != ActorRunState.PLANNED)
    return list(tx.execute(statement.order_by(actor_runs.c.id)).scalars())


def wake_all(tx: Tx, *, now: datetime) -> int:
    """Make all open rows due at once. Returns how many there are.

    Locked in order first: see `due_actor_runs.mark_queued`.
    """
    if not tx.on_sqlite:
        tx.execute(select(actor_runs.c.id).where(_OPEN).order_by(actor_runs.c.id).with_for_update())
    woken = {"next_check_at": now, "queued_until": None, "wakes": actor_runs.c.wakes + 1}
    return tx.execute(update(actor_runs).where(_OPEN).values(**woken)).rowcount


def since(tx: Tx, *, earliest: datetime) -> dict[str, datetime]:
    """Give, for each actor that was started since `earliest`, a time before which no such start was.

    That of the first batch, not of the first start that is known: a second start overwrites the first one.
    """
    statement = (
        select(actor_runs.c.actor_id, func.min(actor_runs.c.created_at))
        .where(actor_runs.c.start_requested_at >= earliest)
        .group_by(actor_runs.c.actor_id)
    )
    return dict(tx.execute(statement).all())


def known(tx: Tx, apify_run_ids: Collection[str]) -> dict[str, ActorRun]:
    """Give the rows of these actor runs of Apify's, by their ID there."""
    statement = select(actor_runs).where(actor_runs.c.apify_run_id.in_(apify_run_ids))
    return {row.apify_run_id: from_row(row) for row in tx.execute(statement)}


def lost_starts(tx: Tx, *, earliest: datetime) -> bool:
    """Say whether a start since `earliest` was given up for lost, so that its actor run may be an orphan."""
    given_up = or_(
        actor_runs.c.attempt > 1,
        and_(actor_runs.c.state == ActorRunState.PLANNED, actor_runs.c.attempt > 0),
        and_(actor_runs.c.state == ActorRunState.START_UNKNOWN, actor_runs.c.parked_at.is_not(None)),
        and_(actor_runs.c.state == ActorRunState.FAILED, actor_runs.c.apify_run_id.is_(None)),
    )
    statement = select(actor_runs.c.id).where(actor_runs.c.start_requested_at >= earliest, given_up)
    return tx.execute(statement.limit(1)).first() is not None
