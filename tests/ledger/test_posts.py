"""Posts: once per client, however often and under whomever they come, with nothing known forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, found, make_client, make_leads, make_post, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from harvester.ledger import Ledger, post_tables, posts, tables
from harvester.ledger.posts import Found
from harvester.models import ActorRun, Lead
from harvester.posts import Author, PostForm, PostKind
from ledger.batches import fresh_runs, refused

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
        its_own = select(tables.posts.c.id).where(tables.posts.c.client_id == run.client_id)
        for table in (post_tables.post_names, post_tables.post_counts):
            tx.execute(table.delete().where(table.c.post_id.in_(its_own)))
        tx.execute(tables.posts.delete().where(tables.posts.c.client_id == run.client_id))


def test_an_actor_that_tells_less_takes_nothing_away(
    ledger: Ledger, run: ActorRun, leads: list[Lead]
) -> None:
    """What a post shows and says is kept, in whichever order the two looks at it are stored."""
    rich = make_post(
        text="See https://a.example/b",
        images=("https://media.example/1.jpg",),
        extras={"document": {"title": "Plan"}, "links": ["https://a.example/b"], "posted_ago": "2mo"},
        form=PostForm.DOCUMENT,
    )
    poor = replace(rich, text="", images=(), extras={"edited": True}, form=PostForm.TEXT)
    kept = {
        "text": rich.text,
        "images": list(rich.images),
        "extras": {"document": {"title": "Plan"}, "links": ["https://a.example/b"], "edited": True},
        "form": PostForm.DOCUMENT,
    }
    store(ledger, run, found(rich, leads[0]))
    store(ledger, run, found(poor, leads[0]), at=LATER)
    assert {name: one(ledger)[name] for name in kept} == kept
    key = "7400000000000000777"
    store(ledger, run, found(replace(poor, post_key=key), leads[0]), at=LATER)
    store(ledger, run, found(replace(rich, post_key=key), leads[0]))
    (newest, _) = stored(ledger)
    assert {name: newest[name] for name in kept} == kept
    words = replace(rich, text="No link any more", extras={}, images=(), form=PostForm.TEXT)
    store(ledger, run, found(words, leads[0]), at=LATER + (LATER - NOW))
    told = stored(ledger)[1]
    assert (told["text"], told["extras"]) == (
        "No link any more",
        {"document": {"title": "Plan"}, "edited": True},
    )
