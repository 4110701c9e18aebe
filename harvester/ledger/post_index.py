"""SQLite's full-text index of posts: told of new rows here, and of changed ones by its triggers.

A trigger for new rows would be dear: each row of an upsert has a savepoint of its own, at which the index
writes down what it has. PostgreSQL keeps its index by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import column, insert, select, table, text

from harvester.ledger.database import Tx
from harvester.ledger.tables import posts

#: Most values that one IN clause is given.
_IN_CLAUSE: Final = 5_000
_INDEX: Final = table("post_search", column("rowid"), column("words"))


def add(tx: Tx, ids: Sequence[int]) -> None:
    """Take posts in that are new; one that is in already must not be given."""
    if not tx.on_sqlite:
        return
    in_order = sorted(ids)
    for start in range(0, len(in_order), _IN_CLAUSE):
        these = posts.c.id.in_(in_order[start : start + _IN_CLAUSE])
        found = select(posts.c.id, posts.c.words).where(these).order_by(posts.c.id)
        tx.execute(insert(_INDEX).from_select(["rowid", "words"], found))


def rebuild(tx: Tx) -> None:
    """Make the index anew, of all posts."""
    if tx.on_sqlite:
        tx.execute(text("INSERT INTO post_search (post_search) VALUES ('rebuild')"))
