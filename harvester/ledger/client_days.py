"""What clients' harvests have brought and cost over time, and how the latest of each has ended."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from harvester.ledger.client_runs import from_row
from harvester.ledger.database import Tx
from harvester.ledger.tables import client_runs
from harvester.models import ClientRun


@dataclass(frozen=True, slots=True)
class Harvested:
    """One client run as history has it: when it began, its posts, and its cost in millionths of a USD."""

    client_id: str
    started_at: datetime
    posts: int
    posts_new: int
    cost_micros: int


def since(tx: Tx, client_ids: Collection[str], *, at: datetime) -> list[Harvested]:
    """Give the client runs of these clients that were started since then, in no order."""
    table = client_runs.c
    columns = (table.client_id, table.started_at, table.posts_harvested, table.posts_new, table.cost_micros)
    statement = select(*columns).where(table.client_id.in_(client_ids), table.started_at >= at)
    return [Harvested(*row) for row in tx.execute(statement)]


def latest(tx: Tx, client_ids: Collection[str]) -> dict[str, ClientRun]:
    """Give the client run of each of these clients that was made last, by client; none of those without."""
    newest = select(func.max(client_runs.c.id)).where(client_runs.c.client_id.in_(client_ids))
    statement = select(client_runs).where(client_runs.c.id.in_(newest.group_by(client_runs.c.client_id)))
    return {row.client_id: from_row(row) for row in tx.execute(statement)}
