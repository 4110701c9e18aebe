"""Comments and reactions, each once per client, with the post that they belong to as soon as it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.post_tables import companions
from harvester.models import ActorRun
from harvester.posts import Companion


@dataclass(frozen=True, slots=True)
class FoundCompanion:
    """A comment or a reaction as an actor run brought it, and the raw item, compressed."""

    companion: Companion
    raw: bytes


def store(tx: Tx, run: ActorRun, found: Sequence[FoundCompanion], *, now: datetime) -> None:
    """Store one page's comments and reactions, each once for the client."""
    if not found:
        return
    in_order = sorted(found, key=lambda one: (one.companion.kind, one.companion.key))
    insert = rows.upsert(tx, companions)
    names = ("text", "text_truncated", "reaction", "likes", "raw", "last_seen_at")
    statement = insert.on_conflict_do_update(
        index_elements=["client_id", "kind", "companion_key"],
        set_={name: insert.excluded[name] for name in names},
    )
    tx.execute(statement, [_values(run, one, now) for one in in_order])


def _values(run: ActorRun, one: FoundCompanion, now: datetime) -> dict[str, Any]:
    told = one.companion
    return {
        "client_id": run.client_id,
        "kind": told.kind,
        "companion_key": told.key,
        "post_number": told.post_key,
        "url": told.url,
        "text": told.text,
        "text_truncated": told.text_truncated,
        "reaction": told.reaction,
        "author_name": told.author.name,
        "author_url": told.author.url,
        "author_headline": told.headline,
        "created_at": told.created_at,
        "likes": told.likes,
        "raw": one.raw,
        "first_actor_run_id": run.id,
        "first_seen_at": now,
        "last_seen_at": now,
    }
