"""Stored items, read again by this version: what was stored otherwise is put right, and nothing is lost."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import Any

import orjson
import pytest
from flow.stage import Stage
from sqlalchemy import delete, select, update

from backfill import past
from harvester.ledger import actor_runs, posts, tables
from harvester.ledger.post_tables import companions, post_counts, post_names
from harvester.ledger.posts import Refused
from harvester.posts import Reject, RejectReason
from services.backfill_sources import Source

HANDLES = ("ann-bulk-4", "bob-bulk-3")


def stored(stage: Stage) -> Source:
    return past.of(stage).of_stored(stage.clock() - timedelta(hours=1), client_id=None)


def packed(item: Any) -> bytes:
    return zlib.compress(orjson.dumps(item))


def keys(stage: Stage) -> list[str]:
    with stage.ledger.read() as tx:
        return list(tx.execute(select(tables.posts.c.post_key).order_by(tables.posts.c.id)).scalars())


def change(stage: Stage, key: str, **values: Any) -> None:
    with stage.ledger.write() as tx:
        tx.execute(update(tables.posts).where(tables.posts.c.post_key == key).values(**values))


def test_what_is_stored_as_this_version_reads_it_stays_as_it_is(stage: Stage) -> None:
    stage.harvest(*HANDLES)
    before = past.whole(stage, "backfills", "activity", "locks", "client_runs", "outbox")
    assert past.shown(stage, stored(stage)).difference.is_empty
    assert past.applied(stage, stored(stage)).difference.is_empty
    assert past.whole(stage, "backfills", "activity", "locks", "client_runs", "outbox") == before


def test_what_an_earlier_version_stored_otherwise_is_put_right(stage: Stage) -> None:
    run = stage.harvest(*HANDLES)
    right, (first, second, *_) = past.posts(stage), keys(stage)
    change(stage, first, text="Other words", form="text")
    change(stage, second, likes=None, author_name=None)
    told = past.shown(stage, stored(stage)).difference
    assert (told.posts_new, told.posts_changed) == (0, 2)
    assert {one.post_key for one in told.examples} == {first, second}
    assert past.applied(stage, stored(stage)).difference == told
    assert past.posts(stage) == right
    again = stage.run(run["clientRunId"])
    assert {name: again[name] for name in ("status", "finishedAt", "metrics")} == {
        name: run[name] for name in ("status", "finishedAt", "metrics")
    }


def test_a_reject_that_is_understood_now_becomes_its_post(stage: Stage) -> None:
    stage.harvest(*HANDLES)
    right, key = past.posts(stage), keys(stage)[0]
    with stage.ledger.write() as tx:
        row = tx.execute(select(tables.posts).where(tables.posts.c.post_key == key)).one()
        for table in (tables.sightings, post_names, post_counts, companions):
            tx.execute(delete(table).where(table.c.post_id == row.id))
        tx.execute(delete(tables.posts).where(tables.posts.c.id == row.id))
        run = actor_runs.get(tx, row.first_actor_run_id)
        assert run is not None
        reject = Reject(RejectReason.UNKNOWN_TYPE, "of a shape that nobody knew")
        posts.store_rejects(tx, run, [Refused(0, reject, None, None, row.raw)])
    told = past.shown(stage, stored(stage)).difference
    assert (told.posts_new, told.understood) == (1, 1)
    assert past.applied(stage, stored(stage)).difference == told
    assert past.posts(stage) == right
    assert past.rejected(stage) == {}


@pytest.mark.parametrize(
    ("item", "why"),
    [
        ({"nothing": "of ours"}, "posts that would be refused now, and stay"),
        ({"type": "post", "id": "7300000000000000009"}, "posts that would have another name now, and stay"),
        (None, "pruned"),
    ],
)
def test_a_post_that_cannot_be_read_again_stays_and_is_told(stage: Stage, item: Any, why: str) -> None:
    stage.harvest(*HANDLES)
    before, key = past.posts(stage), keys(stage)[0]
    change(stage, key, raw=b"" if item is None else packed(item))
    done = past.applied(stage, stored(stage)).difference
    assert dict(done.unread) == {why: 1}
    assert done.is_empty
    assert past.posts(stage) == before


def test_a_reject_that_is_still_one_is_told(stage: Stage) -> None:
    """Be it that nobody understands it, or that it is of nobody."""
    stage.harvest(*HANDLES)
    with stage.ledger.write() as tx:
        run = actor_runs.get(tx, stage.row()["id"])
        assert run is not None
        raw = {"type": "post", "id": "7300000000000000009", "query": {"targetUrl": "https://nobody.example/"}}
        items = {RejectReason.UNKNOWN_TYPE: {"nothing": "of ours"}, RejectReason.UNATTRIBUTABLE: raw}
        refused = [
            Refused(place, Reject(why, "?"), None, None, packed(item))
            for place, (why, item) in enumerate(items.items())
        ]
        posts.store_rejects(tx, run, refused)
    told = past.shown(stage, stored(stage)).difference
    assert dict(told.unread) == {"rejects that are refused as before": 2}
    assert told.is_empty
