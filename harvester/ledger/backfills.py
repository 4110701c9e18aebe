"""Backfills: what a person had read again, how far it is, and the rows that foreign datasets hang on."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, delete, func, select, update

from harvester.ledger import actor_runs, rows
from harvester.ledger.database import Tx
from harvester.ledger.post_tables import backfills
from harvester.ledger.tables import actor_runs as actor_runs_table
from harvester.ledger.tables import leads, posts, rejects, sightings
from harvester.models import ActorRun, ActorRunState, Target

#: How the marker and the client run ID of a row begin that a foreign dataset hangs on. Nobody else's do.
FOREIGN: Final = "backfill "


@dataclass(frozen=True, slots=True)
class Backfill:
    """One backfill. `cursor`: items of its dataset that are read, or the ID of the last actor run that is."""

    id: int
    source: str
    key: str
    client_id: str | None
    actor_run_id: int | None
    state: str
    cursor: int
    posts_new: int
    posts_changed: int
    items_rejected: int
    by: str
    started_at: datetime
    finished_at: datetime | None
    error: str | None


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A stored post's raw item, compressed, and under which lead it was seen."""

    id: int
    raw: bytes
    lead_id: int | None
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReject:
    """A stored reject's raw item, compressed, and its place in its dataset."""

    position: int
    reason: str
    raw: bytes


def opened(tx: Tx, key: str) -> Backfill | None:
    """Give the backfill of this key that is not finished."""
    statement = select(backfills).where(backfills.c.key == key, backfills.c.finished_at.is_(None))
    row = tx.execute(statement).one_or_none()
    return rows.as_record(Backfill, row) if row else None


def begin(
    tx: Tx, key: str, *, source: str, client_id: str | None, actor_run_id: int | None, by: str, now: datetime
) -> Backfill:
    """Begin a backfill, or give the one of this key that was not finished."""
    rows.insert_unless_there(
        tx,
        backfills,
        key=key,
        source=source,
        client_id=client_id,
        actor_run_id=actor_run_id,
        state="running",
        by=by,
        started_at=now,
    )
    found = opened(tx, key)
    assert found is not None, "it was made a moment ago"
    return found


def advance(tx: Tx, backfill_id: int, *, cursor: int, new: int, changed: int, rejected: int) -> None:
    """Write down how far it is, in the transaction that has stored it."""
    added = {
        "posts_new": backfills.c.posts_new + new,
        "posts_changed": backfills.c.posts_changed + changed,
        "items_rejected": backfills.c.items_rejected + rejected,
    }
    tx.execute(update(backfills).where(backfills.c.id == backfill_id).values(cursor=cursor, **added))


def finish(tx: Tx, backfill_id: int, *, now: datetime) -> None:
    """Write down that it is whole."""
    done = {"state": "finished", "finished_at": now}
    tx.execute(update(backfills).where(backfills.c.id == backfill_id).values(**done))


def unsaved_run(client_id: str, dataset_id: str, actor_id: str, now: datetime) -> ActorRun:
    """Give what a foreign dataset hangs on, without a row of its own yet (its ID is 0).

    It is over, was never at Apify as far as we know, and costs nothing here.
    """
    marker = f"{FOREIGN}{dataset_id} {client_id}"
    values: dict[str, Any] = dict.fromkeys((field.name for field in fields(ActorRun)), 0)
    optional = {column.name: None for column in actor_runs_table.c if column.nullable}
    values.update({name: value for name, value in optional.items() if name in values})
    values.update(marker=marker, client_run_id=marker, client_id=client_id, batch=1, actor_id=actor_id)
    return ActorRun(
        **{**values, "state": ActorRunState.INGESTED, "created_at": now, "dataset_id": dataset_id}
    )


def foreign_run(tx: Tx, client_id: str, dataset_id: str, actor_id: str, now: datetime) -> ActorRun:
    """Give what a foreign dataset hangs on, as its row is or would be once it is read as of that actor."""
    unsaved = unsaved_run(client_id, dataset_id, actor_id, now)
    found = actor_runs.by_marker(tx, unsaved.marker)
    return unsaved if found is None else replace(found, actor_id=actor_id)


def saved_run(tx: Tx, run: ActorRun) -> ActorRun:
    """Give the row of a foreign dataset and client, made once. Whose items they are is what was said last.

    If that is another actor than before, what was read of them as that one's is to be read again.
    """
    kept = ("marker", "client_run_id", "client_id", "batch", "state", "actor_id", "max_posts", "profiles")
    values = {name: getattr(run, name) for name in (*kept, "dataset_id", "created_at")}
    rows.insert_unless_there(tx, actor_runs_table, **values)
    found = actor_runs.by_marker(tx, run.marker)
    assert found is not None, "it was made a moment ago"
    if found.actor_id == run.actor_id:
        return found
    theirs = actor_runs_table.c.id == found.id
    tx.execute(update(actor_runs_table).where(theirs).values(actor_id=run.actor_id))
    unfinished = (backfills.c.key == run.marker, backfills.c.finished_at.is_(None))
    tx.execute(update(backfills).where(*unfinished).values(cursor=0))
    return replace(found, actor_id=run.actor_id)


def every_lead(tx: Tx, client_id: str) -> list[Target]:
    """Give all leads of a client, each by the URL that it is known by."""
    statement = select(leads.c.id, leads.c.profile_url).where(leads.c.client_id == client_id)
    return [Target(row.id, row.profile_url, None, 0) for row in tx.execute(statement)]


def runs_since(tx: Tx, since: datetime, *, client_id: str | None, after: int) -> list[ActorRun]:
    """Give the actor runs that are over and were made since then, behind the row `after`, in their order."""
    over = actor_runs_table.c.state.in_([ActorRunState.INGESTED, ActorRunState.FAILED])
    which = [actor_runs_table.c.created_at >= since, over, actor_runs_table.c.id > after]
    if client_id is not None:
        which.append(actor_runs_table.c.client_id == client_id)
    statement = select(actor_runs_table).where(*which).order_by(actor_runs_table.c.id)
    return [actor_runs.from_row(row) for row in tx.execute(statement)]


def posts_of(tx: Tx, run: ActorRun, *, at_once: int) -> Iterator[list[StoredPost]]:
    """Give the posts whose raw item is of this actor run, so many at a time."""
    lead = select(func.min(sightings.c.lead_id)).where(sightings.c.post_id == posts.c.id)
    of_run = select(func.min(sightings.c.lead_id)).where(
        sightings.c.post_id == posts.c.id, sightings.c.actor_run_id == run.id
    )
    found = func.coalesce(of_run.scalar_subquery(), lead.scalar_subquery()).label("lead_id")
    statement = select(posts.c.id, posts.c.raw, found, posts.c.last_seen_at.label("seen_at"))
    seen = select(sightings.c.post_id).where(sightings.c.actor_run_id == run.id)
    # Of rows from before it was written down, it is the first one's.
    latest = func.coalesce(posts.c.last_actor_run_id, posts.c.first_actor_run_id)
    theirs = and_(posts.c.id.in_(seen), latest == run.id)
    after = 0
    while True:
        part = statement.where(theirs, posts.c.id > after).order_by(posts.c.id).limit(at_once)
        page = [rows.as_record(StoredPost, row) for row in tx.execute(part)]
        if not page:
            return
        yield page
        after = page[-1].id


def rejects_of(tx: Tx, run: ActorRun, *, at_once: int) -> Iterator[list[StoredReject]]:
    """Give the rejects of an actor run that are kept whole, so many at a time."""
    statement = select(rejects.c.position, rejects.c.reason, rejects.c.raw)
    statement = statement.where(rejects.c.actor_run_id == run.id, rejects.c.raw.is_not(None))
    after = -1
    while True:
        part = statement.where(rejects.c.position > after).order_by(rejects.c.position).limit(at_once)
        page = [rows.as_record(StoredReject, row) for row in tx.execute(part)]
        if not page:
            return
        yield page
        after = page[-1].position


def seen_at(tx: Tx, run: ActorRun) -> datetime:
    """Give when an actor run's items were seen: its end, or when its last post was stored after that."""
    told = run.apify_finished_at or run.created_at
    seen = select(sightings.c.post_id).where(sightings.c.actor_run_id == run.id)
    theirs = posts.c.id.in_(seen), posts.c.last_actor_run_id == run.id
    stored = tx.execute(select(func.max(posts.c.last_seen_at)).where(*theirs)).scalar_one()
    return max(told, stored) if stored is not None else told


def reasons_between(tx: Tx, run: ActorRun, first: int, stop: int) -> dict[int, str]:
    """Give the reasons of the rejects in a stretch of a dataset, by position."""
    place = rejects.c.position
    statement = select(place, rejects.c.reason).where(
        rejects.c.actor_run_id == run.id, place >= first, place < stop
    )
    return {row.position: row.reason for row in tx.execute(statement)}


def drop_rejects(tx: Tx, run: ActorRun, positions: Collection[int]) -> None:
    """Let go of rejects that are none any more."""
    these = rejects.c.position.in_(list(positions))
    tx.execute(delete(rejects).where(rejects.c.actor_run_id == run.id, these))
