"""Posts, once per client; under which leads and in which actor runs they were seen; and the rejects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select

from harvester.ledger import bulk, companions, post_merging, post_names, rows
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.post_known import Found as Found
from harvester.ledger.post_known import Known
from harvester.ledger.post_shelf import Shelf
from harvester.ledger.tables import actor_runs, leads, posts, rejects, sightings
from harvester.models import ActorRun
from harvester.posts import NameKind, Reject, RejectReason

#: What people ask of a post: neither the raw item nor what it is found by.
SHOWN: Final = tuple(column for column in posts.c if column.name not in ("raw", "words"))


@dataclass(frozen=True, slots=True)
class Refused:
    """An item that became no post: its place in the dataset, its lead if known, a sample of it, and the item
    itself, compressed.
    """

    position: int
    reject: Reject
    lead_id: int | None
    sample: str | None
    raw: bytes | None = None


def store(tx: Tx, run: ActorRun, found: Sequence[Found], *, now: datetime) -> None:
    """Store one page's posts, each once for the client by whichever name, and that this actor run saw them.

    `now` is when they were seen. A post that is known gets its latest text and counts; what this item does
    not tell stays as it was. Rows that an item proves to be one post become one.
    """
    if not found:
        return
    post_names.one_at_a_time(tx, run.client_id)
    shelf = Shelf(tx, run, found, now=now)
    stored = shelf.save()
    ids = {number: one.row_id for one in stored for number in one.names}
    tx.owe(Kind.POST, *(one.row_id for one in stored))
    _saw(tx, run, stored)
    companions.link(tx, run.client_id, ids)
    post_merging.tell(tx, run, shelf.gone, now=now)


def _saw(tx: Tx, run: ActorRun, stored: Sequence[Known]) -> None:
    """Write down under which leads this actor run saw these posts."""
    columns = ("actor_run_id", "post_id", "lead_id")
    new = [(run.id, one.row_id, lead_id) for one in stored if one.is_new for lead_id in one.lead_ids]
    bulk.insert(tx, sightings, columns, new)
    known = sorted((one.row_id, lead_id) for one in stored if not one.is_new for lead_id in one.lead_ids)
    if known:
        again = [dict(zip(columns, (run.id, *seen), strict=True)) for seen in known]
        tx.execute(rows.upsert(tx, sightings).on_conflict_do_nothing(), again)


def store_rejects(tx: Tx, run: ActorRun, refused: Sequence[Refused]) -> None:
    """Store one page's rejects by their place in the dataset, so that reading it twice changes nothing."""
    if not refused:
        return
    insert = rows.upsert(tx, rejects)
    columns = ("reason", "detail", "sample", "raw", "lead_id")
    statement = insert.on_conflict_do_update(
        index_elements=["actor_run_id", "position"], set_={name: insert.excluded[name] for name in columns}
    )
    tx.execute(
        statement,
        [
            {
                "actor_run_id": run.id,
                "position": item.position,
                "lead_id": item.lead_id,
                "reason": item.reject.reason,
                "detail": item.reject.detail,
                "sample": item.sample,
                "raw": item.raw,
            }
            for item in refused
        ],
    )


def counts(tx: Tx, actor_run_id: int) -> tuple[int, int]:
    """Count an actor run's distinct posts and its rejects."""
    seen = select(func.count(sightings.c.post_id.distinct())).where(sightings.c.actor_run_id == actor_run_id)
    refused = select(func.count()).select_from(rejects).where(rejects.c.actor_run_id == actor_run_id)
    return tx.execute(seen).scalar_one(), tx.execute(refused).scalar_one()


def misfits(tx: Tx, actor_run_id: int) -> int:
    """Count an actor run's items that could not be understood: its rejects, without the errors it told."""
    which = (rejects.c.actor_run_id == actor_run_id, rejects.c.reason != RejectReason.ERROR_ITEM)
    return int(tx.execute(select(func.count()).select_from(rejects).where(*which)).scalar_one())


def page(
    tx: Tx,
    *,
    limit: int,
    before: int | None = None,
    client_id: str | None = None,
    client_run_id: str | None = None,
) -> tuple[list[dict[str, Any]], int | None]:
    """List posts, newest stored first, each with its leads' profile URLs, and the next page's cursor.

    `client_run_id` narrows to the posts that this client run's datasets hold, new or not.
    """
    wanted: list[ColumnElement[bool]] = []
    if client_id is not None:
        wanted.append(posts.c.client_id == client_id)
    if before is not None:
        wanted.append(posts.c.id < before)
    if client_run_id is not None:
        of_run = (
            select(sightings.c.post_id)
            .join(actor_runs, actor_runs.c.id == sightings.c.actor_run_id)
            .where(actor_runs.c.client_run_id == client_run_id)
        )
        wanted.append(posts.c.id.in_(of_run))
    statement = select(posts.c.id).where(*wanted).order_by(posts.c.id.desc()).limit(limit + 1)
    found = list(tx.execute(statement).scalars())
    return shown(tx, found[:limit]), found[limit - 1] if len(found) > limit else None


def shown(tx: Tx, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Give posts by ID, in that order, each with `leads`, `names` (kind, number) and `apify_run_id`: the
    first actor run's.
    """
    statement = (
        select(*SHOWN, actor_runs.c.apify_run_id)
        .join(actor_runs, actor_runs.c.id == posts.c.first_actor_run_id)
        .where(posts.c.id.in_(ids))
    )
    by_id = {row.id: row for row in tx.execute(statement)}
    return _with_leads_and_names(tx, [by_id[found] for found in ids if found in by_id])


def _with_leads_and_names(tx: Tx, found: Sequence[Row[Any]]) -> list[dict[str, Any]]:
    under: dict[int, list[str]] = {row.id: [] for row in found}
    statement = (
        select(sightings.c.post_id, leads.c.profile_url)
        .join(leads, leads.c.id == sightings.c.lead_id)
        .where(sightings.c.post_id.in_(under))
        .distinct()
        .order_by(leads.c.profile_url)
    )
    for post_id, profile_url in tx.execute(statement):
        under[post_id].append(profile_url)
    names = post_names.of_posts(tx, list(under))
    return [
        {**row._mapping, "leads": under[row.id], "names": names[row.id] or [(NameKind.OWN, row.post_key)]}
        for row in found
    ]
