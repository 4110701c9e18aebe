"""A harvest that is over, its dataset changed at Apify, and the ledger row by row."""

from __future__ import annotations

from random import Random
from typing import Any

from flow.stage import Json, Stage
from sqlalchemy import select

from harvester.ledger import tables
from harvester.ledger.columns import metadata
from services import backfill
from services.backfill import Backfills, Done
from services.backfill_sources import Source

Rows = dict[str, list[Json]]
#: What a difference tells a post's change by.
TOLD = (
    *("kind", "form", "text", "url", "posted_at", "posted_precision", "author_name", "author_url"),
    *("likes", "comments", "reposts", "images", "extras"),
)


def of(stage: Stage) -> Backfills:
    """Give the backfills of the worker."""
    return backfill.of(stage.worker)


def run_id(stage: Stage) -> str:
    """Give Apify's ID of the first actor run."""
    return str(stage.sandbox.ledger().starts[0].run_id)


def ours(stage: Stage) -> Source:
    """Give the first actor run as a source."""
    return of(stage).of_actor_run(run_id(stage), client_id=None, actor_id=None)


def shown(stage: Stage, source: Source) -> Done:
    """Say what a source would change."""
    return of(stage).difference(source, lambda done, total: None)


def applied(stage: Stage, source: Source) -> Done:
    """Take a source in."""
    return of(stage).apply(source, lambda done, total: None, by="a test")


def whole(stage: Stage, *without: str) -> Rows:
    """Give every row of every table but these."""
    with stage.ledger.read() as tx:
        return {
            table.name: sorted((dict(row._mapping) for row in tx.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name not in without
        }


def posts(stage: Stage) -> dict[str, Json]:
    """Give of each post, by its key, what a change is told by."""
    with stage.ledger.read() as tx:
        rows = tx.execute(select(tables.posts)).mappings()
        return {row["post_key"]: {name: row[name] for name in TOLD} for row in rows}


def rejected(stage: Stage) -> dict[int, str]:
    """Give the reasons of the rejects by position."""
    return {row["position"]: row["reason"] for row in stage.rejects()}


def damaged(item: Json, chance: Random, place: int) -> Any:
    """Give an item as it was, a changed or another post, or something that is none."""
    made = chance.randrange(8)
    if made == 0:
        return {"error": "Profile not found"}
    if made == 1:
        return {"nothing": place}
    if made == 2:
        return {**item, "content": f"Other words {chance.random()}"}
    if made == 3:
        return {**item, "engagement": {"likes": chance.randrange(1_000), "comments": 1, "shares": 2}}
    if made == 4:
        number = str(7_300_000_000_000_000_000 + chance.randrange(10**12))
        url = f"https://www.linkedin.com/feed/update/urn:li:activity:{number}/"
        kept = {
            name: item[name] for name in ("author", "query", "postedAt", "content", "type") if name in item
        }
        return {**kept, "id": number, "linkedinUrl": url}
    return item
