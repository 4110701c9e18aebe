"""A ledger of an agency that has been at work for weeks, with as many posts as are asked for.

Everything that is known of a harvest is there, in the shape in which harvests leave it. The last day is
today, and some client runs of it are at work.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

import big_harvests as big
import big_posts
import psycopg
from big_harvests import Row
from big_history import CLIENTS, DAYS
from sqlalchemy import BigInteger, func, select

from harvester.ledger import Ledger, bulk, post_index, tables

_AT_ONCE: Final = 10_000


def build(url: str, posts: int) -> datetime:
    """Fill a fresh ledger; one that has as many posts already stays. Gives the moment that is its now."""
    with closing(Ledger(url)) as ledger:
        known = _known(ledger)
        if known is not None and known[0] == posts:
            return known[1]
        if known is not None:
            raise ValueError(f"{url} has {known[0]:,} posts, and not {posts:,}")
        now = datetime.now(UTC).replace(microsecond=0)
        for name, rows in _tables(now, posts):
            _store(ledger, name, rows)
    _finish(url)
    return now


def _tables(now: datetime, posts: int) -> Iterator[tuple[str, Iterator[Row]]]:
    """Give each table's name and rows, in the order of what points at what."""
    of_time = (big.clients, big.leads, big.alerts, big.job_runs, big.job_clients, big.lead_outcomes)
    each = posts // (CLIENTS * DAYS)
    for of_harvests in (big.client_runs, big.actor_runs):
        yield of_harvests.__name__, of_harvests(now, each)
    for make in (*of_time, big.deliveries, big.activity, big.run_events, big.rejects):
        yield make.__name__, make(now)
    yield "actor_outputs", big.actor_outputs(now, each)
    for of_posts in (big_posts.posts, big_posts.sightings, big_posts.post_names, big_posts.post_counts):
        yield of_posts.__name__, of_posts(now, posts)
    yield "companions", big_posts.companions(now, posts)


def _known(ledger: Ledger) -> tuple[int, datetime] | None:
    with ledger.read() as tx:
        newest = tx.execute(select(func.max(tables.client_runs.c.started_at))).scalar_one()
        count = tx.execute(select(func.max(tables.posts.c.id))).scalar_one()
    return None if newest is None else (count or 0, newest + timedelta(minutes=30))


def _store(ledger: Ledger, name: str, rows: Iterator[Row]) -> None:
    table = tables.metadata.tables[name]
    while part := list(islice(rows, _AT_ONCE)):
        with ledger.write(patient=True) as tx:
            bulk.insert(tx, table, tuple(part[0]), (tuple(row.values()) for row in part))
            if name == "posts":
                post_index.add(tx, [(row["id"], row["words"]) for row in part])


def _finish(url: str) -> None:
    """Let PostgreSQL know what its autovacuum would by now, and which numbers are taken."""
    if url.startswith("sqlite"):
        return
    numbered = [one for one in tables.metadata.tables.values() if isinstance(one.c[0].type, BigInteger)]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        for name in (one.name for one in numbered if one.c[0].name == "id"):
            following = f"(select coalesce(max(id), 0) + 1 from {name})"  # noqa: S608  # nosec B608 # our own names
            connection.execute(f"select setval(pg_get_serial_sequence('{name}', 'id'), {following})".encode())
        connection.execute("vacuum analyze")
