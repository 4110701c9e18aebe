"""Posts, once per client; under which leads and in which actor runs they were seen; and the rejects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, func, select

from harvester import search_words
from harvester.ledger import post_index, rows
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.tables import actor_runs, leads, posts, rejects, sightings
from harvester.models import ActorRun
from harvester.posts import Post, Reject, RejectReason

#: Most values that one IN clause is given; SQLite refuses statements with more than 32,766 variables.
_IN_CLAUSE = 5_000
#: What people ask of a post: neither the raw item nor what it is found by.
SHOWN: Final = tuple(column for column in posts.c if column.name not in ("raw", "words"))


@dataclass(frozen=True, slots=True)
class Found:
    """A post as an actor run brought it: for which lead, and the raw item, compressed."""

    post: Post
    lead_id: int
    raw: bytes


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
    """Store one page's posts, each once for the client, and that this actor run saw them.

    A post that is known gets its latest text and counts; what this item does not tell stays as it was.
    """
    if not found:
        return
    # In one order everywhere: two transactions that store the same posts then wait, and never deadlock.
    in_order = sorted(found, key=lambda item: item.post.post_key)
    insert = rows.upsert(tx, posts)
    new = insert.excluded
    kept = ("url", "posted_at", "author_name", "author_url", "likes", "comments", "reposts")
    replaced = (
        "text",
        "text_truncated",
        "images",
        "extras",
        "raw",
        "form",
        "last_actor_run_id",
        "last_seen_at",
        "words",
    )
    statement = insert.on_conflict_do_update(
        index_elements=["client_id", "post_key"],
        set_={name: func.coalesce(new[name], posts.c[name]) for name in kept}
        | {name: new[name] for name in replaced},
    )
    keys = {item.post.post_key for item in found}
    known = _ids(tx, run.client_id, keys) if tx.on_sqlite else {}
    tx.execute(statement, [_values(run, item, now) for item in in_order])
    ids = _ids(tx, run.client_id, keys)
    post_index.add(tx, [row_id for key, row_id in ids.items() if key not in known])
    tx.owe(Kind.POST, *ids.values())
    seen = {(ids[item.post.post_key], item.lead_id) for item in found}
    tx.execute(
        rows.upsert(tx, sightings).on_conflict_do_nothing(),
        [{"actor_run_id": run.id, "post_id": post, "lead_id": lead} for post, lead in sorted(seen)],
    )


def _values(run: ActorRun, item: Found, now: datetime) -> dict[str, Any]:
    post = item.post
    return {
        "client_id": run.client_id,
        "post_key": post.post_key,
        "url": post.url,
        "kind": post.kind,
        "form": post.form,
        "text": post.text,
        "text_truncated": post.text_truncated,
        "posted_at": post.posted_at,
        "posted_precision": post.posted_precision,
        "author_name": post.author.name,
        "author_url": post.author.url,
        "likes": post.likes,
        "comments": post.comments,
        "reposts": post.reposts,
        "images": list(post.images),
        "extras": post.extras,
        "raw": item.raw,
        "last_actor_run_id": run.id,
        "first_actor_run_id": run.id,
        "first_client_run_id": run.client_run_id,
        "first_seen_at": now,
        "last_seen_at": now,
        "words": search_words.of(post.text, post.author.name),
    }


def _ids(tx: Tx, client_id: str, keys: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), _IN_CLAUSE):
        part = posts.c.post_key.in_(wanted[start : start + _IN_CLAUSE])
        statement = select(posts.c.post_key, posts.c.id).where(posts.c.client_id == client_id, part)
        found.update((key, row_id) for key, row_id in tx.execute(statement))
    return found


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
    """Give posts by ID, in that order, each with `leads` and the first actor run's `apify_run_id`."""
    statement = (
        select(*SHOWN, actor_runs.c.apify_run_id)
        .join(actor_runs, actor_runs.c.id == posts.c.first_actor_run_id)
        .where(posts.c.id.in_(ids))
    )
    by_id = {row.id: row for row in tx.execute(statement)}
    return _with_leads(tx, [by_id[found] for found in ids if found in by_id])


def _with_leads(tx: Tx, found: Sequence[Row[Any]]) -> list[dict[str, Any]]:
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
    return [{**row._mapping, "leads": under[row.id]} for row in found]
