"""Search: an answer to whatever is asked, on both databases, with every post that fits and no other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from factories import NOW, found, make_client, make_leads, make_post, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st

from harvester import search_words
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, posts
from harvester.models import ActorRun, Lead
from harvester.posts import Author
from services.post_search import Filters, PostSearch

CLIENTS = ("Ada", "Bo-Li")
WORDS = st.sampled_from(
    ["van", "Van", "vans", "café", "CAFE", "series", "b", "2026", "東京", "zebra's", "über"]
)
TEXTS = st.lists(WORDS, max_size=5).map(" ".join) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)
QUERIES = st.lists(WORDS | st.text(max_size=6), max_size=3).map(" ".join)
DAYS = st.none() | st.dates(date(2026, 11, 18), date(2026, 11, 22)).map(str)


@dataclass
class Kept:
    """A post as the test knows it."""

    key: str
    text: str
    author: str | None
    lead: Lead
    run: ActorRun
    posted_at: datetime | None


class Library:
    """A ledger with two clients and two leads each, to which posts come."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.search = PostSearch(ledger, few=2)
        self.kept: list[Kept] = []
        self.places: list[tuple[Lead, ActorRun]] = []
        self._numbers = count(1)
        for client_id in CLIENTS:
            make_client(ledger, client_id)
            leads = make_leads(ledger, client_id, 2)
            runs = make_run(ledger, [[lead] for lead in leads], client_id=client_id)
            self.places += zip(leads, runs, strict=True)

    def add(self, place: int, text: str, author: str | None, posted_at: datetime | None) -> None:
        lead, run = self.places[place]
        kept = Kept(f"{next(self._numbers)}", text, author, lead, run, posted_at)
        made = make_post(kept.key, text=text, posted_at=posted_at, author=Author(author, None))
        with self.ledger.write() as tx:
            posts.store(tx, run, [found(made, lead)], now=NOW)
        self.kept.append(kept)

    def fitting(self, filters: Filters) -> list[str]:
        """Give the keys of what fits, in the order in which it must come, found without any database."""
        day = timedelta(days=1)
        fits = [one for one in self.kept if _has_words(one, filters.q or "")]
        fits = [one for one in fits if filters.client_id in (None, one.lead.client_id)]
        fits = [one for one in fits if filters.lead in (None, one.lead.profile_url)]
        fits = [one for one in fits if filters.client_run_id in (None, one.run.client_run_id)]
        in_order = fits[::-1]
        if filters.posted_from or filters.posted_to:
            since = datetime.fromisoformat(f"{filters.posted_from or '2000-01-01'}T00:00Z")
            until = datetime.fromisoformat(f"{filters.posted_to or '2100-01-01'}T00:00Z") + day
            timed = [(one.posted_at, one) for one in in_order if one.posted_at is not None]
            timed = [pair for pair in timed if since <= pair[0] < until]
            in_order = [one for _, one in sorted(timed, key=lambda pair: pair[0], reverse=True)]
        return [one.key for one in in_order]

    def found(self, filters: Filters, limit: int) -> list[str]:
        """Give the keys of what the search finds, page by page."""
        keys: list[str] = []
        cursor = None
        while True:
            page = self.search.page(filters, limit=limit, cursor=cursor)
            assert len(page.rows) <= limit
            keys += [row["postKey"] for row in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                return keys


def _has_words(one: Kept, query: str) -> bool:
    if query.strip() == "":
        return True
    there = search_words.of(one.text, one.author).split(" ")
    words, prefix = search_words.asked(query)
    if not words and prefix is None:
        return False
    return set(words) <= set(there) and (prefix is None or any(word.startswith(prefix) for word in there))


@pytest.fixture
def library(ledger: Ledger) -> Library:
    return Library(ledger)


def test_every_post_that_fits_is_found_once_and_no_other(library: Library) -> None:
    times = st.none() | st.integers(0, 96).map(lambda hours: NOW - timedelta(hours=hours))

    @on_one_ledger
    @given(
        st.data(),
        st.lists(st.tuples(st.integers(0, 3), TEXTS, st.none() | TEXTS, times), max_size=4),
        QUERIES,
    )
    def fits(data: st.DataObject, came: list[Any], query: str) -> None:
        for one in came:
            library.add(*one)
        lead, run = data.draw(st.sampled_from(library.places))
        filters = Filters(
            q=data.draw(st.none() | st.just(query)),
            client_id=data.draw(st.none() | st.sampled_from(CLIENTS)),
            lead=data.draw(st.none() | st.just(lead.profile_url)),
            client_run_id=data.draw(st.none() | st.just(run.client_run_id)),
            posted_from=data.draw(DAYS),
            posted_to=data.draw(DAYS),
        )
        assert library.found(filters, data.draw(st.sampled_from([1, 3, 100]))) == library.fitting(filters)

    fits()


HARD = ('"', "'", "*", "a*", 'a" OR "b', "NEAR(a b)", "words:van", "a AND", "NOT", "-van", "^van", "{a b}: c")
HARDER = (
    "\0",
    "van\0",
    "a:*",
    "a & !b",
    "<->",
    "\\",
    "'; drop table posts --",
    "%",
    "\ud800",
    "🚀",
    " ",
    "()",
    "a+b",
)


@pytest.mark.parametrize("narrowed", [{}, {"client_id": "Ada"}, {"posted_from": "2026-01-01"}])
def test_whatever_is_typed_is_answered(library: Library, narrowed: dict[str, str]) -> None:
    library.add(0, "a van", None, NOW)

    @on_one_ledger
    @given(st.text(max_size=40) | st.lists(st.sampled_from((*HARD, *HARDER)), max_size=6).map(" ".join))
    def answers(query: str) -> None:
        filters = Filters(q=query, **narrowed)
        assert library.found(filters, 10) == library.fitting(filters)

    answers()
    for query in (*HARD, *HARDER):
        assert library.found(Filters(q=query, **narrowed), 10) == library.fitting(
            Filters(q=query, **narrowed)
        )


def test_a_text_that_changes_is_found_by_its_new_words_alone(library: Library) -> None:
    """What a later look leaves out stays: a text that is not told is no new text."""
    library.add(0, "one zebra", "Ann", NOW)
    lead, run = library.places[0]
    for text in ("one van", "one van", ""):
        with library.ledger.write() as tx:
            changed = make_post("1", text=text, author=Author("Ann", None))
            posts.store(tx, run, [found(changed, lead)], now=NOW)
        assert library.found(Filters(q="zebra"), 9) == []
        assert library.found(Filters(q="van"), 9) == ["1"]
        assert library.found(Filters(q="ann"), 9) == ["1"]


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"lead": "https://example.org/x"}, "invalid_profile_url"),
        ({"lead": ""}, "invalid_profile_url"),
        ({"posted_from": "yesterday"}, "invalid_posted_from"),
        ({"posted_to": ""}, "invalid_posted_to"),
        ({"posted_to": "0001-01-01T00:00+23:00"}, "invalid_posted_to"),
    ],
)
def test_what_means_nothing_is_refused(sqlite_url: str, filters: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Filters(**filters).wanted()
    assert caught.value.code == code


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.1", "9" * 19, "1.", ".1", "٣", "1e5"])
def test_a_cursor_of_another_list_is_refused(library: Library, cursor: str) -> None:
    with pytest.raises(InvalidInput, match="nextCursor"):
        library.search.page(Filters(), limit=1, cursor=cursor)
    timed = Filters(posted_from="2026-01-01")
    if cursor != "1.1":
        with pytest.raises(InvalidInput, match="nextCursor"):
            library.search.page(timed, limit=1, cursor=cursor)


def test_moments_count_themselves_and_days_to_their_end(library: Library) -> None:
    times = [NOW + timedelta(hours=hours) for hours in (0, 18, 19)]
    for at in times:
        library.add(0, "x", None, at)
    assert library.found(Filters(posted_to="2026-11-22"), 9) == ["2", "1"]
    assert library.found(Filters(posted_from="2026-11-22T23:00:00Z"), 9) == ["3", "2"]
    assert library.found(Filters(posted_to="2026-11-23T00:00:00+01:00"), 9) == ["2", "1"]
    assert library.found(Filters(posted_from="2026-11-22", posted_to="9999-12-31"), 9) == ["3", "2", "1"]
