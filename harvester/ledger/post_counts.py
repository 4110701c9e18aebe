"""Earlier counts of a post: what they were, each with the time at which they were last seen so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.post_tables import post_counts

#: What is counted, by its column.
COUNTED: Final = ("likes", "comments", "reposts")
#: Counts that a page shows of one post.
SHOWN: Final = 200

#: The counts that were told, by column; what was not told is None.
Counts = dict[str, int | None]


def of_row(values: Mapping[str, Any]) -> Counts:
    """Give the counts among a post's columns."""
    return {name: values[name] for name in COUNTED}


def told_at(values: Mapping[str, Any]) -> datetime:
    """Give when the counts among a post's columns were told."""
    moment: datetime = values["counted_at"] or values["last_seen_at"]
    return moment


def joined(old: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Give the counts of whichever tells any that are newer, of two as new those told now, and when that was.

    What these leave out is taken from the other.
    """
    those = [values for values in (told, old) if any(values[name] is not None for name in COUNTED)]
    if not those:
        return {**dict.fromkeys(COUNTED), "counted_at": None}
    newest = max(those, key=told_at)
    counts = {
        name: newest[name] if newest[name] is not None else those[-1 if newest is those[0] else 0][name]
        for name in COUNTED
    }
    return {**counts, "counted_at": told_at(newest)}


def recorded(
    history: Mapping[datetime, Counts], now: Mapping[str, Any], at: datetime, told: Counts
) -> Counts:
    """Give what is to be kept of the counts `told` at a time that is past; nothing, if it is known already.

    Known is what was seen next: those counts stood until then. `now` are the post's present ones.
    """
    following = min((moment for moment in history if moment >= at), default=None)
    stood = now if following is None else history[following]
    if all(count is None or count == stood[name] for name, count in told.items()):
        return {}
    before = history.get(at, {})
    return {name: before.get(name) if count is None else count for name, count in told.items()}


def load(tx: Tx, post_ids: Collection[int]) -> dict[int, dict[datetime, Counts]]:
    """Give the earlier counts of these posts by post and time; of each one something, if only nothing."""
    found: dict[int, dict[datetime, Counts]] = {post_id: {} for post_id in post_ids}
    if found:
        for row in tx.execute(select(post_counts).where(rows.among(tx, post_counts.c.post_id, found))):
            found[row.post_id][row.at] = of_row(dict(row._mapping))
    return found


def add(tx: Tx, new: Collection[tuple[int, datetime, Counts]]) -> None:
    """Write counts down; what is there of the same time gives way to what is told."""
    if not new:
        return
    insert = rows.upsert(tx, post_counts)
    told = {name: func.coalesce(insert.excluded[name], post_counts.c[name]) for name in COUNTED}
    statement = insert.on_conflict_do_update(index_elements=["post_id", "at"], set_=told)
    tx.execute(statement, [{"post_id": post_id, "at": at, **counts} for post_id, at, counts in new])


def latest(tx: Tx, post_id: int) -> list[dict[str, Any]]:
    """Give a post's latest earlier counts, newest first; `SHOWN` at the most."""
    statement = select(post_counts).where(post_counts.c.post_id == post_id)
    found = tx.execute(statement.order_by(post_counts.c.at.desc()).limit(SHOWN))
    return [{"at": row.at, **of_row(dict(row._mapping))} for row in found]
