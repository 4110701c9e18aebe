"""What `/metrics` counts. Each statement reads an index, or a few rows: a scrape must stay cheap."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, or_, select

from harvester.ledger.airtable_tables import airtable_calls, alerts, outbox
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_runs
from harvester.ledger.tables import actor_runs, client_runs, posts
from harvester.models import ActorRunState

#: Of what waits for Airtable, so many rows that were due first are looked at for the oldest change.
_LOOKED_AT = 1_000


def stored_posts(tx: Tx) -> int:
    """Count the posts, each once per client."""
    return int(tx.execute(select(func.count()).select_from(posts)).scalar_one())


def cost_micros(tx: Tx) -> int:
    """Give what all actor runs have cost, in millionths of a US dollar, as far as it is known."""
    return int(tx.execute(select(func.sum(actor_runs.c.cost_micros))).scalar_one() or 0)


def client_runs_by_status(tx: Tx) -> dict[str, int]:
    """Count the client runs by status."""
    status = client_runs.c.status
    return dict(tx.execute(select(status, func.count()).group_by(status)).all())


def due_since(tx: Tx, *, now: datetime) -> dict[str, datetime]:
    """Say since when the row that waits the longest is due, by what it waits for; without what waits not.

    `start` is a place for an actor run to start, or a budget; `step` a worker to move it on. Rows that
    somebody works on, and parked ones, do not wait.
    """
    idle = or_(actor_runs.c.lease_until.is_(None), actor_runs.c.lease_until < now)
    due = select(actor_runs.c.next_check_at).where(actor_runs.c.next_check_at <= now, idle)
    planned = actor_runs.c.state == ActorRunState.PLANNED
    found: dict[str, datetime] = {}
    for name, which in (("start", planned), ("step", ~planned)):
        first = tx.execute(due.where(which).order_by(actor_runs.c.next_check_at).limit(1)).scalar()
        if first is not None:
            found[name] = first
    return found


def owed_since(tx: Tx) -> datetime | None:
    """Say since when Airtable is owed the change that waits the longest; None if it is owed nothing."""
    first = select(outbox.c.changed_at).where(outbox.c.due_at.is_not(None))
    looked_at = first.order_by(outbox.c.due_at).limit(_LOOKED_AT).subquery()
    return tx.execute(select(func.min(looked_at.c.changed_at))).scalar()


def requests_to_airtable(tx: Tx) -> tuple[int, int]:
    """Count all requests to Airtable, and those among them that were answered with 429."""
    summed = select(func.sum(airtable_calls.c.calls), func.sum(airtable_calls.c.refused))
    calls, refused = tx.execute(summed).one()
    return int(calls or 0), int(refused or 0)


def standing_alerts(tx: Tx, *, now: datetime) -> int:
    """Count the matters that stand."""
    stands = or_(alerts.c.over_at.is_(None), alerts.c.over_at > now)
    return int(tx.execute(select(func.count()).select_from(alerts).where(stands)).scalar_one())


def last_job_run(tx: Tx) -> tuple[datetime | None, str] | None:
    """Give when the job run of several clients that was started last has ended, and its status."""
    last = select(job_runs.c.finished_at, job_runs.c.status).where(job_runs.c.plan.is_not(None))
    row = tx.execute(last.order_by(job_runs.c.run_id.desc()).limit(1)).one_or_none()
    return (row.finished_at, row.status) if row is not None else None
