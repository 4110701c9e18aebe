"""Comments and reactions in the ledger: once per client, as they were last seen, with their post."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, found, make_client, make_leads, make_post, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from ledger.batches import fresh_runs
from simultaneous import at_once
from sqlalchemy import event

from harvester.ledger import Ledger, companion_lists, companions
from harvester.ledger.companions import FoundCompanion
from harvester.models import ActorRun, Lead
from harvester.posts import Author, Companion, CompanionKind
from services.reading import PageRead
from services.storing import store_page

from .saying import ALIAS, COMMENT, POST, comment, posts_by_key, publish, reaction, say, stored

LATER = NOW + timedelta(hours=1)


def test_both_come_back_as_they_were_stored(ledger: Ledger, run: ActorRun, lead: Lead) -> None:
    publish(ledger, run, lead)
    said = comment(text="Zehn Jahre 🎉 עשר שנים", likes=2**40)
    reacted = reaction(post_key=ALIAS)
    say(ledger, run, said, reacted, raw=b"\x00\xff")
    rows = stored(ledger)
    assert len(rows) == 2
    for told in (said, reacted):
        row = rows[told.kind, told.key]
        expected = {
            "client_id": CLIENT_ID,
            "post_id": posts_by_key(ledger)[POST],
            "post_number": told.post_key,
            "url": told.url,
            "text": told.text,
            "reaction": told.reaction,
            "author_name": told.author.name,
            "author_url": told.author.url,
            "author_headline": told.headline,
            "created_at": told.created_at,
            "likes": told.likes,
            "raw": b"\x00\xff",
            "first_actor_run_id": run.id,
            "first_seen_at": NOW,
            "last_seen_at": NOW,
        }
        assert {name: row[name] for name in expected} == expected


def test_what_an_item_does_not_tell_stays_known(ledger: Ledger, run: ActorRun) -> None:
    say(ledger, run, comment())
    before = stored(ledger)[COMMENT, comment().key]
    silent = comment(post_key=None, author=Author(), headline=None, created_at=None, likes=None, url=None)
    say(ledger, run, replace(silent, text="Edited"), at=LATER)
    assert stored(ledger)[COMMENT, comment().key] == before | {"text": "Edited", "last_seen_at": LATER}
    say(ledger, run, replace(silent, text="Older"), at=NOW)
    say(ledger, run, replace(silent, likes=0), at=LATER)
    assert stored(ledger)[COMMENT, comment().key]["likes"] == 0  # zero is told, and is not absence


def test_the_last_word_of_a_page_counts(ledger: Ledger, run: ActorRun) -> None:
    """Also where it had been said before the one in between."""
    first, second = comment(text="first"), comment(text="second")
    for page, last in (([first, second], "second"), ([first, second, first], "first")):
        say(ledger, run, *page)
        assert stored(ledger)[COMMENT, comment().key]["text"] == last


@pytest.mark.parametrize("told", [comment(), reaction()], ids=["comment", "reaction"])
def test_each_client_has_its_own(ledger: Ledger, run: ActorRun, lead: Lead, told: Companion) -> None:
    """Also of a post that both have: that of one never shows what the other was told."""
    make_client(ledger, "Other")
    (theirs,) = make_leads(ledger, "Other")
    (other,) = make_run(ledger, [[theirs]], client_id="Other", run_id="261122-050001")
    say(ledger, run, told)
    say(ledger, other, replace(told, text="theirs"))
    publish(ledger, run, lead)
    ours, rest = stored(ledger, client_id=CLIENT_ID), stored(ledger, client_id="Other")
    assert [row["text"] for row in ours.values()] == [told.text]
    assert [(row["text"], row["post_id"]) for row in rest.values()] == [("theirs", None)]
    assert [row["post_id"] for row in ours.values()] == [posts_by_key(ledger)[POST]]


@dataclass(frozen=True)
class Seen:
    """A post, or what was said to it. What follows one another at the same hour is one page."""

    post: int
    #: None: the post itself.
    said: CompanionKind | None = None
    #: By which of its two numbers the post is named; None: the post by both, what was said to it by none.
    named: int | None = None
    likes: int | None = None
    hour: int = 0
    text: str = ""


seen = st.builds(
    Seen,
    post=st.integers(0, 1),
    said=st.none() | st.sampled_from(CompanionKind),
    named=st.none() | st.integers(0, 1),
    likes=st.none() | st.integers(0, 9),
    hour=st.integers(0, 2),
    text=st.sampled_from(["one", "two"]),
)


@on_one_ledger
@given(whole=st.lists(seen, max_size=12))
def test_whichever_comes_first_each_ends_with_its_post_and_its_latest_word(
    ledger: Ledger, whole: list[Seen]
) -> None:
    (run,), (lead, *_) = fresh_runs(ledger, 1)
    numbers = [(f"{run.id}0", f"{run.id}1"), (f"{run.id}2", f"{run.id}3")]
    for (is_said, hour), page in groupby(whole, lambda one: (one.said is not None, one.hour)):
        if is_said:
            say(ledger, run, *(_told(one, numbers) for one in page), at=NOW + timedelta(hours=hour))
        else:
            for one in page:
                publish(ledger, run, lead, *_names(one, numbers))
    with ledger.read() as tx:
        ids = companions.posts_named(tx, run.client_id, [number for pair in numbers for number in pair])
    rows = stored(ledger, client_id=run.client_id)
    assert set(rows) == {(one.said, str(one.post)) for one in whole if one.said is not None}
    for (kind, key), row in rows.items():
        times = [(one.hour, place, one) for place, one in enumerate(whole) if _is(one, kind, key)]
        in_time = sorted(times, key=lambda each: each[:2])
        named = {numbers[one.post][one.named] for _, _, one in times if one.named is not None}
        linked = {ids[number] for number in named if number in ids}
        told = [numbers[one.post][one.named] for _, _, one in in_time if one.named is not None]
        # Until its post is there it keeps one number, the last: it may miss a post of an earlier one alone.
        assert row["post_id"] in (linked if told and told[-1] in ids else linked | {None})
        assert row["text"] == in_time[-1][2].text
        assert row["last_seen_at"] == NOW + timedelta(hours=in_time[-1][0])
        if len({one.likes for _, _, one in times} - {None}) < 2:
            assert row["likes"] == next((one.likes for *_, one in times if one.likes is not None), None)
    _check_lists(ledger, run.client_id, ids, rows)


def _told(one: Seen, numbers: list[tuple[str, str]]) -> Companion:
    named = None if one.named is None else numbers[one.post][one.named]
    assert one.said is not None
    return Companion(one.said, named, str(one.post), text=one.text, likes=one.likes)


def _is(one: Seen, kind: str, key: str) -> bool:
    return one.said == kind and str(one.post) == key


def _names(one: Seen, numbers: list[tuple[str, str]]) -> tuple[str | None, ...]:
    return tuple(n if one.named in (None, place) else None for place, n in enumerate(numbers[one.post]))


def _check_lists(ledger: Ledger, client_id: str, ids: dict[str, int], rows: Any) -> None:
    """What is listed of a post is the same by each of its numbers, once it is stored."""
    with ledger.read() as tx:
        for kind in CompanionKind:
            listed = companion_lists.page(tx, kind, limit=9, client_id=client_id)[0]
            assert {row["companion_key"] for row in listed} == {key for of, key in rows if of == kind}
            for number, post_id in ids.items():
                linked = companion_lists.of_post(tx, post_id, kind, limit=9)
                assert companion_lists.page(tx, kind, limit=9, post_key=number)[0] == linked[0]
                assert len(linked[0]) == linked[1]


def test_pages_hold_each_once_and_the_newest_first(ledger: Ledger, run: ActorRun) -> None:
    say(ledger, run, *(comment(str(10**18 + number)) for number in range(7)), reaction())
    seen: list[str] = []
    cursor: int | None = None
    with ledger.read() as tx:
        while True:
            page, cursor = companion_lists.page(tx, COMMENT, limit=3, before=cursor)
            seen += [row["companion_key"] for row in page]
            if cursor is None:
                break
    assert seen == [str(10**18 + number) for number in reversed(range(7))]


def test_a_post_shows_those_that_were_made_last(ledger: Ledger, run: ActorRun, lead: Lead) -> None:
    """And those without a time of their own stand where they were seen."""
    publish(ledger, run, lead)
    hours = (5, -3, None, 2, -8)
    times = [None if hour is None else NOW + timedelta(hours=hour) for hour in hours]
    say(ledger, run, *(comment(str(place), created_at=at) for place, at in enumerate(times)))
    with ledger.read() as tx:
        found, how_many = companion_lists.of_post(tx, posts_by_key(ledger)[POST], COMMENT, limit=4)
    assert ([row["companion_key"] for row in found], how_many) == (["0", "3", "2", "1"], 5)


def test_linking_costs_one_look_where_nothing_waits(ledger: Ledger, run: ActorRun, lead: Lead) -> None:
    publish(ledger, run, lead)
    say(ledger, run, comment(), reaction())
    asked: list[str] = []
    with ledger.write() as tx:
        event.listen(tx.connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        companions.link(tx, CLIENT_ID, {str(number): 1 for number in range(10_000)})
        assert len(asked) == 1


def test_thousands_that_wait_are_linked_by_any_of_many_numbers(
    ledger: Ledger, run: ActorRun, lead: Lead
) -> None:
    say(ledger, run, *(reaction(str(number), post_key=ALIAS) for number in range(3_000)))
    publish(ledger, run, lead)
    numbers = {str(number): 0 for number in range(12_000)} | {ALIAS: posts_by_key(ledger)[POST]}
    with ledger.write() as tx:
        companions.link(tx, CLIENT_ID, numbers)
    assert {row["post_id"] for row in stored(ledger).values()} == {numbers[ALIAS]}


def test_pages_that_come_at_once_link_what_each_says_of_the_others_posts(postgres_ledger: Ledger) -> None:
    """None is missed because the other was not on disk yet, and none waits for one who waits for it."""
    make_client(postgres_ledger)
    leads = make_leads(postgres_ledger, count=2)
    runs = make_run(postgres_ledger, [[lead] for lead in leads])

    def bring(at: int, keys: list[str], others: list[str]) -> None:
        said = [comment(f"{kind}-{key}", post_key=key) for key in others + keys[::2] for kind in "ab"]
        read = PageRead(
            [found(make_post(key), leads[at]) for key in keys],
            [FoundCompanion(one, b"") for one in said],
        )
        with postgres_ledger.write() as tx:
            store_page(tx, runs[at], read, now=NOW)

    for number in range(5):
        first, second = ([str(number * 100 + place + half * 50) for place in range(30)] for half in range(2))
        at_once([partial(bring, 0, first, second[::-1]), partial(bring, 1, second, first)])
    ids = posts_by_key(postgres_ledger)
    rows = stored(postgres_ledger)
    assert len(rows) == 2 * len(ids) == 600
    assert all(row["post_id"] == ids[row["post_number"]] for row in rows.values())
