"""One post with everything that is known of it, and the actor runs that saw it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import select

from harvester.ledger.database import Tx
from harvester.ledger.posts import shown
from harvester.ledger.tables import actor_runs, posts, sightings

#: A post may have been seen every day for years.
_SEEN_SHOWN: Final = 200


def whole(tx: Tx, post_id: int) -> dict[str, Any] | None:
    """Give a post as `posts.shown` does, and its `raw` item, compressed; None if there is none of this ID."""
    found = shown(tx, [post_id])
    if not found:
        return None
    raw = tx.execute(select(posts.c.raw).where(posts.c.id == post_id)).scalar_one()
    return {**found[0], "raw": raw}


def seen_by(tx: Tx, post_id: int) -> tuple[list[dict[str, Any]], bool]:
    """Give the latest actor runs that saw a post, newest first, and whether there are more."""
    columns = ("client_run_id", "batch", "apify_run_id", "apify_started_at")
    these = select(sightings.c.actor_run_id).where(sightings.c.post_id == post_id)
    statement = select(*(actor_runs.c[name] for name in columns)).where(actor_runs.c.id.in_(these))
    rows = tx.execute(statement.order_by(actor_runs.c.id.desc()).limit(_SEEN_SHOWN + 1))
    found = [dict(row._mapping) for row in rows]
    return found[:_SEEN_SHOWN], len(found) > _SEEN_SHOWN
