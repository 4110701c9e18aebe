"""Pages of a dataset: each item once and in order, whatever fails; the next page while one is stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, cast

import pytest
from factories import make_client, make_leads, make_run, on_one_ledger, opened
from hypothesis import given
from hypothesis import strategies as st

from harvester.apify import Apify, Page
from harvester.apify_errors import TooLarge, Unavailable
from harvester.models import ActorRun
from services import dataset_pages
from services.dataset_pages import PAGE_ITEMS, DatasetPages
from services.reading import PageRead


class Dataset:
    """Items that are their places. Pages of more than `most` items are too large; some calls fail."""

    def __init__(self, items: int, most: int = PAGE_ITEMS, failing: frozenset[int] = frozenset()) -> None:
        self.places = list(range(items))
        self.most = most
        self.failing = failing
        self.answer_bytes = 1_000
        self.calls = 0
        self.called_again = threading.Event()
        self.at_once: list[int] = []
        self.most_at_once = 0

    def items(self, _dataset_id: str, *, offset: int, limit: int) -> Page:
        """Answer as Apify does."""
        self.calls += 1
        with self._counted():
            if self.calls in self.failing:
                raise Unavailable("not now")
            if limit > self.most:
                raise TooLarge("too large")
            return Page(self.places[offset : offset + limit], offset, len(self.places), self.answer_bytes)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.at_once.append(self.calls)
        self.most_at_once = max(self.most_at_once, len(self.at_once))
        try:
            yield
        finally:
            self.at_once.pop()
        if self.calls > 1:
            self.called_again.set()

    def pages(self, run: ActorRun, most: int = 10**6) -> DatasetPages:
        """Read it, each item into what was read."""
        return DatasetPages(cast(Apify, self), run, most, _shown, lambda held: held)


def _shown(page: Page) -> PageRead:
    return PageRead(shown=list(page.items))


@pytest.fixture
def run(sqlite_url: str) -> ActorRun:
    """An actor run whose dataset is read."""
    with opened(sqlite_url) as ledger:
        make_client(ledger)
        (planned,) = make_run(ledger, [make_leads(ledger, count=1)])
    return replace(planned, dataset_id="a-dataset")


@on_one_ledger
@given(
    items=st.integers(0, 4_500),
    most_of_page=st.sampled_from([3, 40, 999, 1_000]),
    wanted=st.sampled_from([1, 1_000, 2_500, 10**6]),
    failing=st.frozensets(st.integers(1, 12), max_size=4),
)
def test_every_item_comes_once_and_in_order(
    run: ActorRun, items: int, most_of_page: int, wanted: int, failing: frozenset[int]
) -> None:
    dataset = Dataset(min(items, 40 * most_of_page), most_of_page, failing)
    here = run
    pages = dataset.pages(here, wanted)
    found: list[Any] = []
    while True:
        try:
            here, page = pages.next(here)
        except Unavailable:  # as a worker does: it begins anew at the cursor
            pages = dataset.pages(here, wanted)
            continue
        assert (page.offset, page.items) == (here.cursor, len(page.read.shown))
        found += page.read.shown
        here = replace(here, cursor=page.stop)
        if not page.items:
            break
    assert found == dataset.places[:wanted]
    assert dataset.most_at_once <= 1, "two pages of one dataset at once"


def test_the_next_page_is_read_while_a_full_one_is_stored(run: ActorRun) -> None:
    dataset = Dataset(PAGE_ITEMS + 1)
    pages = dataset.pages(run)
    _, page = pages.next(run)
    assert dataset.called_again.wait(10), "nobody asks for the next page"
    _, after = pages.next(replace(run, cursor=page.stop))
    assert (after.offset, after.items, dataset.calls) == (PAGE_ITEMS, 1, 2)


@pytest.mark.parametrize("why", ["the page was not full", "its answer was large", "no more is taken"])
def test_nothing_is_asked_for_ahead_in_vain_or_beyond_measure(run: ActorRun, why: str) -> None:
    dataset = Dataset(PAGE_ITEMS - 1 if "full" in why else 2 * PAGE_ITEMS)
    if "large" in why:
        dataset.answer_bytes = dataset_pages._MOST_AHEAD_BYTES + 1
    dataset.pages(run, PAGE_ITEMS if "taken" in why else 10**6).next(run)
    assert not [thread for thread in threading.enumerate() if thread.name == "next-page"]
    assert dataset.calls == 1
