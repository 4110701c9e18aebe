"""SQLite's full-text index of posts: told of new rows here, and of changed ones by its triggers.

A trigger for new rows would be dear: each row of an upsert has a savepoint of its own, at which the index
writes down what it has. PostgreSQL keeps its index by itself.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from harvester.ledger.database import Tx


def add(tx: Tx, new: Iterable[tuple[int, str]]) -> None:
    """Take posts in that are new, each its ID and words; one that is in already must not be given."""
    if tx.on_sqlite:
        rows = sorted(new)
        tx.connection.exec_driver_sql("INSERT INTO post_search (rowid, words) VALUES (?, ?)", rows)


def rebuild(tx: Tx) -> None:
    """Make the index anew, of all posts."""
    if tx.on_sqlite:
        tx.execute(text("INSERT INTO post_search (post_search) VALUES ('rebuild')"))
