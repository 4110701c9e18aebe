"""One post under many names: in whatever order they come, its rows become one and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from factories import NOW, found, make_client, make_leads, make_post, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import select

from harvester.ledger import (
    Ledger,
    Tx,
    companions,
    post_counts,
    post_names,
    post_search,
    post_tables,
    posts,
    tables,
)
from harvester.ledger import outbox as outbox_module
from harvester.ledger.airtable_tables import outbox
from harvester.ledger.companions import FoundCompanion
from harvester.ledger.mirroring import Mirroring
from harvester.ledger.page_tables import run_events
from harvester.ledger.post_counts import COUNTED
from harvester.ledger.post_search import Wanted
from harvester.ledger.post_tables import companions as companion_rows
from harvester.models import ActorRun, Lead
from harvester.posts import Companion, CompanionKind, Name, NameKind, Post, PostKind, TimePrecision
from ledger.batches import fresh_runs

KINDS = (NameKind.ACTIVITY, NameKind.UGC_POST, NameKind.SHARE, NameKind.REPOST, NameKind.REPOST, NameKind.OWN)


@dataclass(frozen=True)
class Told:
    """One item: of which true post, by which of its numbers, for which lead, with which likes."""

    post: int
    names: tuple[int, ...]
    lead: int
    likes: int | None

    @property
    def numbers(self) -> tuple[Name, ...]:
        return tuple((KINDS[which], f"{self.post}-{which}") for which in self.names)


names = st.lists(st.sampled_from(range(len(KINDS))), min_size=1, max_size=3, unique=True).map(tuple)
items = st.builds(Told, st.integers(0, 2), names, st.integers(0, 1), st.none() | st.integers(0, 3))
pages = st.lists(
    st.tuples(st.integers(0, 9), st.lists(items, min_size=1, max_size=4)), min_size=1, max_size=8
)


def item(told: Told, hour: int, lead: Lead) -> posts.Found:
    text = f"{told.post} as told in hour {hour} with {told.likes} likes"
    post = make_post(told.numbers[0][1], names=told.numbers, text=text, **dict.fromkeys(COUNTED, told.likes))
    return found(post, lead)


def whole(tx: Tx, client_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """Give every row about a client's posts, but what nobody told."""
    its_own = select(tables.posts.c.id).where(tables.posts.c.client_id == client_id)
    return {
        table.name: sorted(
            (tuple(row) for row in tx.execute(select(*_columns(table)).where(which))), key=repr
        )
        for table, which in (
            (tables.posts, tables.posts.c.client_id == client_id),
            (tables.sightings, tables.sightings.c.post_id.in_(its_own)),
            (post_tables.post_counts, post_tables.post_counts.c.post_id.in_(its_own)),
            (post_tables.post_names, post_tables.post_names.c.client_id == client_id),
        )
    }


def _columns(table: Any) -> list[Any]:
    return [column for column in table.c if column.name not in ("images", "extras")]


def components(every: Iterable[Told]) -> list[set[str]]:
    """Put numbers together that items name together."""
    joined: list[set[str]] = []
    for told in every:
        numbers = {number for _, number in told.numbers}
        touched = [one for one in joined if one & numbers]
        joined = [one for one in joined if not one & numbers] + [numbers.union(*touched)]
    return joined


@on_one_ledger
@given(pages=pages)
def test_whatever_names_come_in_whatever_order(
    ledger: Ledger, pages: Sequence[tuple[int, list[Told]]]
) -> None:
    """Rows are the connected components of the names told, each with all leads, last text and counts."""
    (run,), leads = fresh_runs(ledger, 1)
    arrived = [
        (NOW + timedelta(hours=hour), [item(told, hour, leads[told.lead]) for told in page])
        for hour, page in pages
    ]
    with ledger.write() as tx:
        for moment, page in arrived:
            posts.store(tx, run, page, now=moment)
            once = whole(tx, run.client_id)
            posts.store(tx, run, page, now=moment)
            assert whole(tx, run.client_id) == once, "reading a page again changed something"
        rows = posts.page(tx, limit=100, client_id=run.client_id)[0]
        history = post_counts.load(tx, [row["id"] for row in rows])
        known = post_names.of_posts(tx, [row["id"] for row in rows])
        if len({moment for moment, _ in arrived}) == len(arrived):
            for moment, page in arrived:
                posts.store(tx, run, page, now=moment)
            again = whole(tx, run.client_id)
            assert set(once.pop("post_counts")) <= set(again.pop("post_counts"))
            assert again == once, "reading all pages again changed something"
    expected = components(told for _, page in pages for told in page)
    by_numbers = {frozenset(number for _, number in known[row["id"]]): row for row in rows}
    assert set(by_numbers) == {frozenset(one) for one in expected}
    assert len(rows) == len(expected)
    for numbers, row in by_numbers.items():
        seen = [
            (NOW + timedelta(hours=hour), hour, told)
            for hour, page in pages
            for told in page
            if told.numbers[0][1] in numbers
        ]
        right(row, history[row["id"]], seen, leads)


def right(
    row: dict[str, Any],
    history: dict[datetime, dict[str, int | None]],
    seen: Sequence[tuple[datetime, int, Told]],
    leads: Sequence[Lead],
) -> None:
    """Check one row against all items of it, in the order in which they came."""
    last = max(moment for moment, *_ in seen)
    assert row["last_seen_at"] == last
    assert row["text"] in {
        f"{told.post} as told in hour {hour} with {told.likes} likes"
        for moment, hour, told in seen
        if moment == last
    }
    assert row["post_key"] in {one.numbers[0][1] for *_, one in seen}
    assert row["leads"] == sorted({leads[one.lead].profile_url for *_, one in seen})
    counted: dict[datetime, set[int]] = {}
    for moment, _, told in seen:
        if told.likes is not None:
            counted.setdefault(moment, set()).add(told.likes)
    assert (row["likes"], row["comments"], row["reposts"]) == (row["likes"],) * 3
    assert row["likes"] in (counted[max(counted)] if counted else {None}), "not the latest counts told"
    for moment, counts in history.items():
        assert moment < max(counted)
        assert set(counts.values()) <= counted[moment], "counts of a time at which nobody told them"
    if all(len(told) == 1 for told in counted.values()):
        kept = {counts["likes"] for counts in history.values()} | {row["likes"]}
        assert kept - {None} == set().union(*counted.values()), "a count that was told is nowhere"


@pytest.fixture
def leads(ledger: Ledger) -> list[Lead]:
    """Two leads of one client, whose posts Airtable is told of."""
    make_client(ledger, airtable_base="appPosts")
    return make_leads(ledger, count=2)


ACTIVITY, SHARE = (NameKind.ACTIVITY, "71"), (NameKind.SHARE, "72")


def named(*told: Name, **changes: Any) -> Post:
    return make_post(told[0][1], names=told, **changes)


def test_two_rows_become_one_with_all_that_hangs_on_them(ledger: Ledger, leads: list[Lead]) -> None:
    outbox_module.mirror(ledger, Mirroring("appMaster", timedelta(0), lambda: NOW))
    (run,) = make_run(ledger, [leads])
    with ledger.write() as tx:
        posts.store(tx, run, [found(named(ACTIVITY, text="older words"), leads[0])], now=NOW)
        posts.store(tx, run, [found(named(SHARE, text="younger words", likes=40), leads[1])], now=NOW)
        said = Companion(CompanionKind.COMMENT, SHARE[1], "c1", text="yes")
        companions.store(tx, run, [FoundCompanion(said, b"{}")], now=NOW)
    with ledger.write() as tx:
        both = named(SHARE, ACTIVITY, text="last words", likes=41)
        posts.store(tx, run, [found(both, leads[1])], now=NOW + timedelta(hours=1))
    with ledger.read() as tx:
        (row,), _ = posts.page(tx, limit=9)
        assert tx.execute(select(companion_rows.c.post_id)).scalar_one() == row["id"]
        owed = {one.key: (one.subject_id, one.state, one.due_at) for one in tx.execute(select(outbox)).all()}
        told = tx.execute(select(run_events.c.detail).where(run_events.c.kind == "merged")).scalar_one()
        history = post_counts.latest(tx, row["id"])
        assert [one["id"] for one in search(tx, "last")] == [row["id"]]
        assert not search(tx, "younger")
    assert (row["post_key"], row["text"], row["likes"]) == (ACTIVITY[1], "last words", 41)
    assert set(row["names"]) == {ACTIVITY, SHARE}
    assert len(row["leads"]) == 2
    assert owed[ACTIVITY[1]][:2] == (row["id"], "ok")
    assert owed[ACTIVITY[1]][2] is not None
    assert owed[SHARE[1]] == (None, "retired", None), "the row that is gone is still owed"
    assert "72 into 71" in told
    assert [(one["at"], one["likes"]) for one in history] == [(NOW, 40)]


def search(tx: Tx, word: str) -> list[dict[str, Any]]:
    return post_search.page(tx, Wanted((word,), None, None, None, None, None, None), limit=9)[0]


def test_one_number_in_all_items_melts_nothing_together(ledger: Ledger, leads: list[Lead]) -> None:
    (run,) = make_run(ledger, [leads])
    each = [named((NameKind.ACTIVITY, str(n)), SHARE, text=f"post {n}") for n in range(5)]
    with ledger.write() as tx:
        posts.store(tx, run, [found(one, leads[0]) for one in each], now=NOW)
        of_two = named(*((NameKind.ACTIVITY, str(n)) for n in (8, 0, 1)), text="of two")
        posts.store(tx, run, [found(of_two, leads[0])], now=NOW)
        rows = posts.page(tx, limit=9)[0]
    assert {row["post_key"]: row["text"] for row in rows} == {
        **{str(n): f"post {n}" for n in range(5)},
        "8": "of two",
    }


def test_an_older_look_fills_what_is_missing_and_takes_nothing_back(
    ledger: Ledger, leads: list[Lead]
) -> None:
    (run,) = make_run(ledger, [leads])
    day = NOW - timedelta(days=9)
    looks = (
        (
            2,
            {"text": "new", "likes": 9, "comments": None, "posted_at": NOW, "posted_precision": _MILLISECOND},
        ),
        (
            0,
            {
                "text": "old",
                "likes": 1,
                "comments": 4,
                "posted_at": day,
                "posted_precision": TimePrecision.DAY,
            },
        ),
    )
    with ledger.write() as tx:
        for hour, changes in looks:
            moment = NOW + timedelta(hours=hour)
            posts.store(tx, run, [found(named(ACTIVITY, **changes), leads[0])], now=moment)
        (row,), _ = posts.page(tx, limit=9)
        history = post_counts.latest(tx, row["id"])
    assert (row["text"], row["likes"], row["comments"]) == ("new", 9, 4)
    assert (row["posted_at"], row["posted_precision"]) == (NOW, TimePrecision.MILLISECOND)
    assert row["first_seen_at"] == row["last_seen_at"] == NOW + timedelta(hours=2)
    assert [(one["at"], one["likes"]) for one in history] == [(NOW, 1)]


_MILLISECOND = TimePrecision.MILLISECOND


@given(kinds=st.lists(st.sampled_from(PostKind), min_size=1, max_size=5))
@on_one_ledger
def test_a_kind_does_not_hang_on_the_order(ledger: Ledger, kinds: list[PostKind]) -> None:
    (run,), people = fresh_runs(ledger, 1)
    with ledger.write() as tx:
        for kind in kinds:
            posts.store(tx, run, [found(named(ACTIVITY, kind=kind), people[0])], now=NOW)
        (row,), _ = posts.page(tx, limit=9, client_id=run.client_id)
    exact = [PostKind.QUOTE, PostKind.ORIGINAL, PostKind.REPOST]
    assert row["kind"] == next(kind for kind in exact if kind in kinds)


def test_one_post_under_different_names_at_once(postgres_ledger: Ledger) -> None:
    make_client(postgres_ledger)
    people = make_leads(postgres_ledger, count=2)
    runs = make_run(postgres_ledger, [[one] for one in people])

    def store(run: ActorRun, lead: Lead, turned: int) -> None:
        for start in range(0, 60, 20):
            page = []
            for n in range(start, start + 20)[::turned]:
                told = [(NameKind.ACTIVITY, f"a{n}"), (NameKind.SHARE, f"s{n}")][::turned]
                page.append(found(named(*told), lead))
            with postgres_ledger.write() as tx:
                posts.store(tx, run, page, now=NOW)

    at_once([partial(store, runs[0], people[0], 1), partial(store, runs[1], people[1], -1)])
    with postgres_ledger.read() as tx:
        rows = posts.page(tx, limit=100)[0]
    assert len(rows) == 60
    assert all(len(row["leads"]) == 2 and len(row["names"]) == 2 for row in rows)
