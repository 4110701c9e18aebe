"""Whose story a write in Airtable belongs to: the client runs behind the rows that were sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import bindparam, func, select

from harvester.ledger.airtable_tables import outbox
from harvester.ledger.database import Tx
from harvester.ledger.mirroring import Kind
from harvester.ledger.outbox_sending import Owed
from harvester.ledger.tables import actor_runs, leads, sightings


def of_rows(tx: Tx, rows: Sequence[Owed]) -> Counter[str]:
    """Count outbox rows by the client run that they are about; those of a job run are of none."""
    by_kind: dict[Kind, list[Owed]] = {}
    for row in rows:
        by_kind.setdefault(row.kind, []).append(row)
    found = Counter(row.key for row in by_kind.get(Kind.CLIENT_RUN, ()))
    for kind, count in ((Kind.ACTOR_RUN, _of_actor_runs), (Kind.LEAD, _of_leads), (Kind.POST, _of_posts)):
        subjects = {row.subject_id for row in by_kind.get(kind, ()) if row.subject_id is not None}
        if subjects:
            found += count(tx, subjects)
    return found


def of_lead_records(tx: Tx, base: str, record_ids: Collection[str]) -> Counter[str]:
    """Count leads by the client run that asked for them last, by the records that show them."""
    these = outbox.c.kind == Kind.LEAD, outbox.c.base == base, outbox.c.key.in_(record_ids)
    subjects = set(tx.execute(select(outbox.c.subject_id).where(*these)).scalars())
    return _of_leads(tx, subjects - {None})


def _of_actor_runs(tx: Tx, ids: Collection[int]) -> Counter[str]:
    full_id = actor_runs.c.client_run_id
    return Counter(tx.execute(select(full_id).where(actor_runs.c.id.in_(ids))).scalars())


def _of_leads(tx: Tx, ids: Collection[int]) -> Counter[str]:
    full_id = leads.c.client_run_id
    return Counter(tx.execute(select(full_id).where(leads.c.id.in_(ids), full_id.is_not(None))).scalars())


def _of_posts(tx: Tx, ids: Collection[int]) -> Counter[str]:
    """Count posts by the client run that saw them last: it is that which has Airtable told of them."""
    return Counter(tx.execute(_LAST_SEEN_BY, {"ids": list(ids)}).scalars())


_LAST: Final = (
    select(func.max(sightings.c.actor_run_id).label("row_id"))
    .where(sightings.c.post_id.in_(bindparam("ids", expanding=True)))
    .group_by(sightings.c.post_id)
    .subquery()
)
_LAST_SEEN_BY: Final = select(actor_runs.c.client_run_id).join(_LAST, _LAST.c.row_id == actor_runs.c.id)
