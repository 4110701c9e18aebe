"""Posts: once per client, however often and under whomever they come, with nothing known forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from factories import (
    CLIENT_ID,
    NOW,
    RUN_ID,
    found,
    make_client,
    make_leads,
    make_post,
    make_run,
    on_one_ledger,
)
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from harvester.ledger import Ledger, metrics, posts, tables
from harvester.ledger.posts import Found, Refused
from harvester.models import ActorRun, Author, Lead, PostKind, Reject, RejectReason

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def leads(ledger: Ledger) -> list[Lead]:
    """Three leads of one client."""
    make_client(ledger)
    return make_leads(ledger, count=3)


@pytest.fixture
def run(ledger: Ledger, leads: list[Lead]) -> ActorRun:
    """A batch with all of them."""
    return make_run(ledger, [leads])[0]


def store(ledger: Ledger, run: ActorRun, *items: Found, at: Any = NOW) -> None:
    with ledger.write() as tx:
        posts.store(tx, run, items, now=at)


def stored(ledger: Ledger, **wanted: Any) -> list[dict[str, Any]]:
    with ledger.read() as tx:
        return posts.page(tx, limit=1_000, **wanted)[0]


def one(ledger: Ledger) -> dict[str, Any]:
    (row,) = stored(ledger)
    return row


def test_a_post_comes_back_as_it_was_stored(ledger: Ledger, run: ActorRun, leads: list[Lead]) -> None:
    post = make_post(
        text="Zehn Jahre 🎉 עשר שנים",
        kind=PostKind.QUOTE,
        images=("https://media.example/1.jpg", "https://media.example/2.jpg"),
        extras={"article": {"title": "Ten years", "subtitle": None}},
        likes=2**40,
    )
    store(ledger, run, Found(post, leads[0].id, raw=b"\x00\xff"))
    row = one(ledger)
    expected = {
        "client_id": CLIENT_ID,
        "post_key": post.post_key,
        "url": post.url,
        "kind": PostKind.QUOTE,
        "text": post.text,
        "posted_at": post.posted_at,
        "author_name": post.author.name,
        "author_url": post.author.url,
        "likes": 2**40,
        "comments": 3,
        "reposts": 1,
        "images": list(post.images),
        "extras": post.extras,
        "first_client_run_id": run.client_run_id,
        "first_seen_at": NOW,
        "leads": [leads[0].profile_url],
    }
    assert {name: row[name] for name in expected} == expected
    with ledger.read() as tx:
        assert tx.execute(select(tables.posts.c.raw)).scalar_one() == b"\x00\xff"


def test_an_edited_post_is_one_post_with_its_latest_text(
    ledger: Ledger, run: ActorRun, leads: list[Lead]
) -> None:
    store(ledger, run, found(make_post(text="Frist draft"), leads[0]))
    first = one(ledger)
    edited = make_post(text="First draft", likes=99)
    store(ledger, run, found(edited, leads[0]), at=LATER)
    row = one(ledger)
    assert (row["text"], row["likes"]) == ("First draft", 99)
    assert (row["id"], row["first_seen_at"], row["last_seen_at"]) == (first["id"], NOW, LATER)


def test_what_an_item_does_not_tell_stays_known(ledger: Ledger, run: ActorRun, leads: list[Lead]) -> None:
    store(ledger, run, found(make_post(likes=5), leads[0]))
    silent = make_post(
        url=None, posted_at=None, author=Author(), likes=None, comments=None, reposts=None, text="Edited"
    )
    before = one(ledger)
    store(ledger, run, found(silent, leads[0]))
    told = ("url", "posted_at", "author_name", "author_url", "likes", "comments", "reposts")
    after = one(ledger)
    assert {name: after[name] for name in told} == {name: before[name] for name in told}
    assert after["text"] == "Edited"
    store(ledger, run, found(replace(silent, likes=0), leads[0]))
    assert one(ledger)["likes"] == 0  # zero is told, and is not absence


def test_a_post_under_two_leads_is_one_post_of_both(ledger: Ledger, run: ActorRun, leads: list[Lead]) -> None:
    store(ledger, run, *(found(make_post(), lead) for lead in leads))
    assert one(ledger)["leads"] == sorted(lead.profile_url for lead in leads)


def test_two_clients_with_one_post_have_one_each(ledger: Ledger, run: ActorRun, leads: list[Lead]) -> None:
    make_client(ledger, "Other")
    (theirs,) = make_leads(ledger, "Other")
    (other,) = make_run(ledger, [[theirs]], client_id="Other", run_id="261122-050001")
    store(ledger, run, found(make_post(text="seen by us"), leads[0]))
    store(ledger, other, found(make_post(text="seen by them"), theirs))
    assert [row["text"] for row in stored(ledger, client_id=CLIENT_ID)] == ["seen by us"]
    assert [row["text"] for row in stored(ledger, client_id="Other")] == ["seen by them"]
    assert stored(ledger, client_id="Other")[0]["leads"] == [theirs.profile_url]


def test_a_page_of_a_thousand_is_stored_whole_and_read_in_pages(
    ledger: Ledger, run: ActorRun, leads: list[Lead]
) -> None:
    keys = [f"{7_000_000_000_000_000_000 + i}" for i in range(1_000)]
    store(ledger, run, *(found(make_post(key), leads[i % 3]) for i, key in enumerate(keys)))
    seen: list[str] = []
    cursor: int | None = None
    with ledger.read() as tx:
        assert posts.counts(tx, run.id) == (1_000, 0)
        while True:
            page, cursor = posts.page(tx, limit=300, before=cursor, client_id=CLIENT_ID)
            seen += [row["post_key"] for row in page]
            if cursor is None:
                break
    assert sorted(seen) == keys


def test_a_post_of_nobody_is_refused_and_leaves_nothing(ledger: Ledger, run: ActorRun) -> None:
    with pytest.raises(IntegrityError):
        store(ledger, run, Found(make_post(), lead_id=987_654, raw=b""))
    assert stored(ledger) == []


def test_two_that_store_the_same_posts_at_once_wait_for_each_other(postgres_ledger: Ledger) -> None:
    make_client(postgres_ledger)
    one_lead, other_lead = make_leads(postgres_ledger, count=2)
    runs = make_run(postgres_ledger, [[one_lead], [other_lead]])
    keys = [str(i) for i in range(200)]
    at_once(
        [
            partial(store, postgres_ledger, run, *(found(make_post(key), lead) for key in keys[::order]))
            for run, lead, order in ((runs[0], one_lead, 1), (runs[1], other_lead, -1))
        ]
    )
    assert len(stored(postgres_ledger)) == len(keys)


def refused(position: int, detail: str = "no text", lead: Lead | None = None) -> Refused:
    reject = Reject(RejectReason.DAMAGED, detail)
    return Refused(position, reject, lead.id if lead else None, sample="{…}")


def test_rejects_are_known_by_their_place(ledger: Ledger, run: ActorRun, leads: list[Lead]) -> None:
    with ledger.write() as tx:
        posts.store_rejects(tx, run, [refused(3), refused(1_007)])
    with ledger.write() as tx:
        posts.store_rejects(tx, run, [refused(3, "still no text", leads[1]), refused(4)])
        posts.store_rejects(tx, run, [])
        assert posts.counts(tx, run.id) == (0, 3)
        rows = tx.execute(select(tables.rejects).order_by(tables.rejects.c.position)).all()
    assert [(row.position, row.detail, row.lead_id) for row in rows] == [
        (3, "still no text", leads[1].id),
        (4, "no text", None),
        (1_007, "no text", None),
    ]


told = st.one_of(st.none(), st.integers(0, 9))
items = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1, 2]), told, st.sampled_from(["one", "two"])),
    max_size=12,
)


@on_one_ledger
@given(items=items, cuts=st.sets(st.integers(0, 12), max_size=4))
def test_where_pages_end_makes_no_difference(
    ledger: Ledger, items: list[tuple[str, int, int | None, str]], cuts: set[int]
) -> None:
    """One post twice in a page, or on two pages: the same posts, texts, counts and leads come out."""
    known, leads = fresh_runs(ledger, 2)
    whole, parts = known
    arrived = [found(make_post(key, likes=likes, text=text), leads[lead]) for key, lead, likes, text in items]
    store(ledger, whole, *arrived)
    first = outcome(ledger, whole)
    forget(ledger, whole)
    edges = [0, *sorted(cuts), len(arrived)]
    for start, end in pairwise(edges):
        store(ledger, parts, *arrived[start:end])
    assert outcome(ledger, parts) == first
    expected_likes = {key: [li for k, _, li, _ in items if k == key and li is not None] for key, *_ in items}
    assert {key: likes for key, (likes, _, _) in first.items()} == {
        key: likes[-1] if likes else None for key, likes in expected_likes.items()
    }


def outcome(ledger: Ledger, run: ActorRun) -> dict[str, tuple[int | None, str, list[str]]]:
    rows = stored(ledger, client_run_id=run.client_run_id)
    return {row["post_key"]: (row["likes"], row["text"], row["leads"]) for row in rows}


def forget(ledger: Ledger, run: ActorRun) -> None:
    with ledger.write() as tx:
        tx.execute(tables.sightings.delete().where(tables.sightings.c.actor_run_id == run.id))
        tx.execute(tables.posts.delete().where(tables.posts.c.client_id == run.client_id))


def fresh_runs(ledger: Ledger, count: int) -> tuple[list[ActorRun], list[Lead]]:
    """Give started batches of the same three leads, each of a client run of its own, on a fresh client."""
    with ledger.read() as tx:
        number = len(tx.execute(select(tables.clients.c.client_id)).all())
    client_id = f"client-{number}"
    make_client(ledger, client_id)
    leads = make_leads(ledger, client_id, 3)
    runs: list[ActorRun] = []
    for i in range(count):
        runs += make_run(ledger, [leads], client_id=client_id, run_id=f"261122-05000{i}")
        over = update(tables.client_runs).where(tables.client_runs.c.client_run_id == runs[-1].client_run_id)
        batch = update(tables.actor_runs).where(tables.actor_runs.c.id == runs[-1].id)
        with ledger.write() as tx:
            tx.execute(over.values(status="Completed"))
            tx.execute(batch.values(apify_run_id=f"apify-{runs[-1].id}", cost_micros=10**i))
    return runs, leads


page_stores = st.lists(
    st.tuples(
        st.integers(0, 2),  # which actor run
        st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 2)), max_size=5),  # posts and leads
        st.lists(st.integers(0, 6), max_size=3),  # places of rejects
    ),
    max_size=8,
)


@on_one_ledger
@given(stores=page_stores)
def test_metrics_are_what_a_plain_count_says_however_often_pages_are_stored(
    ledger: Ledger, stores: list[tuple[int, list[tuple[str, int]], list[int]]]
) -> None:
    runs, leads = fresh_runs(ledger, 3)
    posts_of: list[set[str]] = [set(), set(), set()]
    rejects_of: list[set[int]] = [set(), set(), set()]
    first_of: dict[str, int] = {}
    for which, page, places in [*stores, *stores[::2]]:
        with ledger.write() as tx:
            posts.store(tx, runs[which], [found(make_post(key), leads[i]) for key, i in page], now=NOW)
            posts.store_rejects(tx, runs[which], [refused(place) for place in dict.fromkeys(places)])
        posts_of[which] |= {key for key, _ in page}
        rejects_of[which] |= set(places)
        for key, _ in page:
            first_of.setdefault(key, which)
    for which, run in enumerate(runs):
        with ledger.read() as tx:
            counted = metrics.of_client_run(tx, run.client_run_id)
            assert posts.counts(tx, run.id) == (len(posts_of[which]), len(rejects_of[which]))
        assert counted.posts_harvested == len(posts_of[which])
        assert counted.posts_new == sum(first == which for first in first_of.values())
        assert counted.items_rejected == len(rejects_of[which])
        assert (counted.profiles_submitted, counted.actor_runs, counted.cost_micros) == (3, 1, 10**which)


def test_metrics_are_sums_over_the_actor_runs_that_apify_has(ledger: Ledger, leads: list[Lead]) -> None:
    runs = make_run(ledger, [leads[:2], leads[2:]])
    client_run_id = f"{RUN_ID}-{CLIENT_ID}"
    with ledger.write() as tx:
        assert metrics.of_client_run(tx, client_run_id).profiles_submitted == 0
        for run, cost in zip(runs, (9_007_199_254_740_993, 1), strict=True):
            batch = update(tables.actor_runs).where(tables.actor_runs.c.id == run.id)
            tx.execute(batch.values(apify_run_id=f"a{run.id}", cost_micros=cost))
        posts.store(tx, runs[0], [found(make_post("1"), leads[0]), found(make_post("2"), leads[1])], now=NOW)
        posts.store(tx, runs[1], [found(make_post("2"), leads[2])], now=NOW)
        counted = metrics.of_client_run(tx, client_run_id)
    assert counted.cost_micros == 9_007_199_254_740_994  # a float has no such number
    assert (counted.profiles_submitted, counted.actor_runs) == (3, 2)
    assert (counted.posts_harvested, counted.posts_new) == (2, 2)
