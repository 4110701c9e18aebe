"""Pruning: old deliveries, raw items and stories go, and nothing else does, however often it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from factories import NOW, end_run, found, make_client, make_leads, make_post, make_run, opened
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from harvester.errors import InvalidInput
from harvester.ledger import Ledger, posts, pruning, tables
from harvester.ledger.pruning import Kind
from services.overview import Overview
from services.prune import cutoff, prune, survey

from .batches import refused
from .whole_ledgers import TABLES, Rows, all_rows, store, whole_ledgers

BEFORE = NOW - timedelta(days=90)
OVER = ("ingested", "failed")
#: The tables that lose something, in the order of what can be pruned.
PRUNED = ("deliveries", "posts", "companions", "rejects", "run_events")
MICROSECOND = timedelta(microseconds=1)

_times = st.sampled_from(
    [BEFORE - timedelta(days=9), BEFORE - MICROSECOND, BEFORE, BEFORE + MICROSECOND, NOW]
)
_mostly_over = st.sampled_from(["ingested", "ingested", "ingested", "failed", "running", "planned"])
_now_and_then = st.none() | _times
_meant: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("actor_runs", "state"): _mostly_over,
    ("actor_runs", "created_at"): _times,
    ("actor_runs", "apify_finished_at"): st.none() | _times,
    ("actor_runs", "parked_at"): _now_and_then,
    ("actor_runs", "id"): st.integers(1, 3),
    ("posts", "first_actor_run_id"): st.integers(1, 3),
    ("posts", "last_seen_at"): _times,
    ("posts", "raw"): st.binary(max_size=3),
    ("companions", "first_actor_run_id"): st.integers(1, 3),
    ("companions", "last_seen_at"): _times,
    ("companions", "raw"): st.binary(max_size=3),
    ("deliveries", "received_at"): _times,
    ("deliveries", "processed_at"): st.none() | _times,
    ("run_events", "at"): _times,
    ("run_events", "client_run_id"): st.sampled_from(["0:", "1:", "gone"]),
    ("client_runs", "status"): st.sampled_from(["Running", "Completed"]),
}


def pruned(rows: Rows) -> Rows:
    """What the rows are afterwards, told in another way than in SQL."""
    over = {run["id"] for run in rows["actor_runs"] if is_over(run)}
    seen_by = {post["id"]: {post["first_actor_run_id"]} for post in rows["posts"]}
    for one in rows["sightings"]:
        seen_by[one["post_id"]].add(one["actor_run_id"])
    open_runs = {run["id"] for run in rows["actor_runs"]} - over
    kept = [row for row in rows["deliveries"] if row["processed_at"] is None or row["received_at"] >= BEFORE]
    live = {run["client_run_id"] for run in rows["client_runs"] if run["status"] == "Running"}
    told = [row for row in rows["run_events"] if row["at"] >= BEFORE or row["client_run_id"] in live]
    return rows | {
        "deliveries": kept,
        "run_events": told,
        "posts": [
            row | {"raw": b""} if row["last_seen_at"] < BEFORE and not seen_by[row["id"]] & open_runs else row
            for row in rows["posts"]
        ],
        "companions": [
            row | {"raw": b""}
            if row["last_seen_at"] < BEFORE and row["first_actor_run_id"] not in open_runs
            else row
            for row in rows["companions"]
        ],
        "rejects": [
            row | {"sample": None, "raw": None} if row["actor_run_id"] in over else row
            for row in rows["rejects"]
        ],
    }


def is_over(run: dict[str, Any]) -> bool:
    ended: datetime = run["apify_finished_at"] or run["created_at"]
    return run["state"] in OVER and run["parked_at"] is None and ended < BEFORE


def changed(before: Rows, after: Rows, table: str) -> int:
    return sum(row not in after[table] for row in before[table])


def emptied(ledger: Ledger) -> None:
    with ledger.write() as tx:
        for table in reversed(TABLES):
            tx.execute(delete(table))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=whole_ledgers(_meant))
def test_pruning_changes_what_it_said_and_nothing_else_however_often_it_runs(
    rows: Rows, ledger: Ledger
) -> None:
    emptied(ledger)
    store(ledger, rows)
    before = all_rows(ledger)
    said = survey(ledger, before=BEFORE)
    assert all_rows(ledger) == before
    freed = list(prune(ledger, before=BEFORE))
    after = all_rows(ledger)
    assert after == pruned(before)
    for kind, table in zip(Kind, PRUNED, strict=True):
        assert said[kind].rows == changed(before, after, table)
        assert said[kind].rows == sum(one.rows for one in freed if one.kind is kind)
        assert said[kind].bytes == sum(one.bytes for one in freed if one.kind is kind)
        assert (said[kind].oldest is None) == (said[kind].rows == 0)
        assert said[kind].newest is None or said[kind].oldest <= said[kind].newest < BEFORE  # type: ignore[operator]
    assert list(prune(ledger, before=BEFORE)) == []
    assert all_rows(ledger) == after


def old_agency(ledger: Ledger, items: int) -> None:
    """An actor run that ended a year ago, with so many posts and rejects."""
    long_ago = NOW - timedelta(days=365)
    make_client(ledger)
    lead = make_leads(ledger)[0]
    run = make_run(ledger, [[lead]], now=long_ago)[0]
    with ledger.write() as tx:
        seen = [replace(found(make_post(str(10**18 + n)), lead), raw=b"raw") for n in range(items)]
        posts.store(tx, run, seen, now=long_ago)
        posts.store_rejects(tx, run, [refused(n) for n in range(items)])
    end_run(ledger, run, now=long_ago, apify_finished_at=long_ago)


@pytest.mark.parametrize("why", [{"parked_at": NOW}, {"state": "running"}, {"apify_finished_at": NOW}])
def test_items_of_an_actor_run_that_somebody_may_look_at_stay(why: dict[str, Any], ledger: Ledger) -> None:
    old_agency(ledger, 2)
    with ledger.write() as tx:
        tx.execute(update(tables.actor_runs).values(**why))
    before = all_rows(ledger)
    items = (Kind.RAW_ITEMS, Kind.REJECT_SAMPLES)
    assert [survey(ledger, before=BEFORE)[kind].rows for kind in items] == [0, 0]
    assert list(prune(ledger, before=BEFORE)) == []
    assert all_rows(ledger) == before


def test_it_goes_on_where_it_was_interrupted(ledger: Ledger) -> None:
    old_agency(ledger, 10)
    expected = pruned(all_rows(ledger))
    first = list(islice(prune(ledger, before=BEFORE, at_once=3), 2))
    assert [one.rows for one in first] == [3, 3]
    rest = list(prune(ledger, before=BEFORE, at_once=3))
    assert [one.rows for one in rest] == [3, 1, 3, 3, 3, 1]
    assert all_rows(ledger) == expected
    assert sum(one.bytes for one in [*first, *rest] if one.kind is Kind.RAW_ITEMS) == 30


def test_posts_without_their_raw_items_are_shown_and_as_before(ledger: Ledger) -> None:
    old_agency(ledger, 2)
    overview = Overview(ledger)
    run_id = overview.runs(limit=1).rows[0]["clientRunId"]
    before = overview.posts(limit=10), overview.run(run_id)
    list(prune(ledger, before=BEFORE))
    assert (overview.posts(limit=10), overview.run(run_id)) == before
    assert len(before[0].rows) == 2


def test_what_changes_between_the_look_and_the_deed_stays(ledger: Ledger) -> None:
    old_agency(ledger, 3)
    with ledger.read() as tx:
        keys = pruning.keys(tx, Kind.RAW_ITEMS, before=BEFORE, after=None, limit=10)
    again = all_rows(ledger)["posts"][0]
    seen_again(ledger, again["id"])
    with ledger.write() as tx:
        assert pruning.let_go(tx, Kind.RAW_ITEMS, keys, before=BEFORE) == (2, 6)
    assert [post["raw"] for post in all_rows(ledger)["posts"]] == [b"raw", b"", b""]


def seen_again(ledger: Ledger, post_id: int) -> None:
    with ledger.write() as tx:
        tx.execute(update(tables.posts).where(tables.posts.c.id == post_id).values(last_seen_at=NOW))


def test_others_write_while_it_prunes(ledger: Ledger, ledger_url: str) -> None:
    old_agency(ledger, 10)
    with opened(ledger_url, lock_seconds=1) as other:
        for number, _ in enumerate(prune(ledger, before=BEFORE, at_once=5)):
            make_client(other, f"client-{number}")
        assert number == 3


def test_what_is_young_is_never_old() -> None:
    assert cutoff(90, NOW) == BEFORE
    assert cutoff(14, NOW) == NOW - timedelta(days=14)
    with pytest.raises(InvalidInput, match="14 days"):
        cutoff(13, NOW)
