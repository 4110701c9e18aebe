"""Batches, and what the tests of the ledger do to their rows."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from factories import NOW, make_client, make_leads, make_run
from sqlalchemy import select, update

from harvester.ledger import Ledger, actor_runs, due_actor_runs, tables
from harvester.ledger.posts import Refused
from harvester.models import ActorRun, Lead
from harvester.posts import Reject, RejectReason

LEASE = timedelta(seconds=25)
SOON = NOW + timedelta(seconds=10)
EXPIRED = NOW + LEASE + timedelta(microseconds=1)


def planned(ledger: Ledger, batches: int) -> list[ActorRun]:
    """Give so many planned batches of one lead each."""
    make_client(ledger)
    leads = make_leads(ledger, count=batches)
    return make_run(ledger, [[lead] for lead in leads])


def claim(ledger: Ledger, row_id: int, *, now: datetime = NOW, owner: str = "one") -> ActorRun | None:
    """Claim a row, if it is to be had."""
    with ledger.write() as tx:
        return actor_runs.claim(tx, row_id, owner=owner, now=now, until=now + LEASE)


def claimed(ledger: Ledger, row_id: int, *, now: datetime = NOW) -> ActorRun:
    """Claim a row that is to be had."""
    run = claim(ledger, row_id, now=now)
    assert run is not None, "the row is not to be had"
    return run


def row(ledger: Ledger, row_id: int) -> ActorRun:
    """Give a row as it is now."""
    with ledger.read() as tx:
        run = actor_runs.get(tx, row_id)
    assert run is not None, "the row is gone"
    return run


def due(ledger: Ledger, *, now: datetime = NOW, max_in_flight: int = 100, limit: int = 100) -> set[int]:
    """Name the rows that are due, and mark them as queued."""
    with ledger.write() as tx:
        named = due_actor_runs.going_on(tx, now=now, limit=limit)
        named += due_actor_runs.to_start(tx, now=now, max_in_flight=max_in_flight, limit=limit)
        found = due_actor_runs.mark_queued(tx, named, now=now, until=now + timedelta(seconds=30))
    assert len(found) == len(set(found))
    return set(found)


def put(ledger: Ledger, run: ActorRun, **values: Any) -> None:
    """Set columns of a row, whoever holds it."""
    with ledger.write() as tx:
        tx.execute(update(tables.actor_runs).where(tables.actor_runs.c.id == run.id).values(**values))


def fresh_runs(ledger: Ledger, count: int) -> tuple[list[ActorRun], list[Lead]]:
    """Give started batches of the same three leads, each of a client run of its own, on a fresh client."""
    with ledger.read() as tx:
        number = len(tx.execute(select(tables.clients.c.client_id)).all())
    client_id = f"client-{number}"
    make_client(ledger, client_id)
    leads = make_leads(ledger, client_id, 3)
    runs: list[ActorRun] = []
    for i in range(count):
        runs += make_run(ledger, [leads], client_id=client_id, run_id=f"261122-05000{i}")
        over = update(tables.client_runs).where(tables.client_runs.c.client_run_id == runs[-1].client_run_id)
        batch = update(tables.actor_runs).where(tables.actor_runs.c.id == runs[-1].id)
        with ledger.write() as tx:
            tx.execute(over.values(status="Completed"))
            tx.execute(batch.values(apify_run_id=f"apify-{runs[-1].id}", cost_micros=10**i))
    return runs, leads


def refused(position: int, detail: str = "no text", lead: Lead | None = None) -> Refused:
    """Give a reject at this place of a dataset."""
    reject = Reject(RejectReason.DAMAGED, detail)
    return Refused(position, reject, lead.id if lead else None, sample="{…}")
