"""Two rows that turn out to be one post: everything that hangs on the younger moves to the older."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, literal, select, update

from harvester.ledger import rows, run_events
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox import State
from harvester.ledger.post_tables import companions, post_counts, post_names
from harvester.ledger.tables import posts, sightings
from harvester.ledger.types import Id
from harvester.models import ActorRun

_log = logging.getLogger(__name__)

#: Posts of a page that its line in the story names.
_NAMED: Final = 5


def move(tx: Tx, younger: int, older: int) -> None:
    """Move leads, actor runs, names, comments and reactions; then the younger row goes.

    Its earlier counts go with it: whoever calls this has them. What Airtable shows of it stays there as it
    is, and its row of the outbox knows no post any more: SQLite may give its ID to another post.
    """
    if not tx.on_sqlite:
        both = select(posts.c.id).where(posts.c.id.in_([younger, older]))
        tx.execute(both.order_by(posts.c.id).with_for_update())
    seen = select(sightings.c.actor_run_id, literal(older, Id), sightings.c.lead_id)
    moved = rows.upsert(tx, sightings).from_select(
        ["actor_run_id", "post_id", "lead_id"], seen.where(sightings.c.post_id == younger)
    )
    tx.execute(moved.on_conflict_do_nothing())
    for table in (post_names, companions):
        tx.execute(update(table).where(table.c.post_id == younger).values(post_id=older))
    shown = (outbox.c.kind == Kind.POST, outbox.c.subject_id == younger)
    retired = {"subject_id": None, "state": State.RETIRED, "due_at": None}
    tx.execute(update(outbox).where(*shown).values(**retired))
    for gone in (
        delete(sightings).where(sightings.c.post_id == younger),
        delete(post_counts).where(post_counts.c.post_id == younger),
        delete(posts).where(posts.c.id == younger),
    ):
        tx.execute(gone)


def tell(tx: Tx, run: ActorRun, merged: Sequence[tuple[str, str]], *, now: datetime) -> None:
    """Write into the story of a client run, and the log, which posts its items proved to be one.

    `merged` are the keys of the rows that went, each with that of the row that stays.
    """
    if not merged:
        return
    pairs = ", ".join(f"{gone} into {kept}" for gone, kept in merged[:_NAMED])
    more = f" and {len(merged) - _NAMED} more" if len(merged) > _NAMED else ""
    told = (
        f"posts that turned out to be one were merged: {pairs}{more}; what Airtable shows of them stays there"
    )
    _log.info("Of client %s, %s", run.client_id, told)
    run_events.add(tx, run.client_run_id, "merged", told, now=now, batch=run.batch)
