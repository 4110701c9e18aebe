"""A dataset, page by page: as many items at a time as an answer can hold, in all no more than are taken.

While a full page is stored, the next one is downloaded and read.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from harvester import tracing
from harvester.apify import Apify, Page
from harvester.apify_errors import TooLarge
from harvester.models import ActorRun
from services.reading import PageRead

#: Items asked for at a time.
PAGE_ITEMS: Final = 1_000
#: What is asked for at the least after calls that failed. Only a page that is too large leads to fewer.
_LEAST_ITEMS: Final = 10
#: A page whose answer was larger is stored before the next is asked for: two of them take too much memory.
_MOST_AHEAD_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReadPage:
    """So many items of a dataset from `offset` on, and what they are. The items themselves are let go."""

    offset: int
    items: int
    answer_bytes: int
    read: PageRead

    @property
    def stop(self) -> int:
        """Give the offset of the item after it."""
        return self.offset + self.items


class DatasetPages:
    """Asks for the pages of one actor run's dataset, of which `most` items are taken, and reads them.

    `read` sorts the items of one page; one page after the other, though not always in the same thread.
    `renewed` takes the row's lease anew: it outlasts one call to Apify, and not several slow ones.
    """

    def __init__(
        self,
        apify: Apify,
        run: ActorRun,
        most: int,
        read: Callable[[Page], PageRead],
        renewed: Callable[[ActorRun], ActorRun],
    ) -> None:
        self._apify = apify
        self._most = most
        self._read = read
        self._renewed = renewed
        # A page that failed may have been too heavy for the time that a call has.
        self._limit = max(_LEAST_ITEMS, PAGE_ITEMS >> run.put_offs)
        self._may_grow = True
        self._ahead: _Ahead | None = None

    def next(self, run: ActorRun) -> tuple[ActorRun, ReadPage]:
        """Ask for the page at the row's cursor, a smaller one if need be. An empty one is the last.

        Raises what `Apify.items` raises but `TooLarge`, and `LostLease`.
        """
        while (limit := min(self._limit, self._most - run.cursor)) > 0:
            try:
                page = self._asked(run, limit)
            except TooLarge:
                if limit == 1:
                    raise
                self._limit, self._may_grow = limit // 2, False
                run = self._renewed(run)
            else:
                self._grow()
                self._look_ahead(run, page, limit)
                return run, page
        return run, ReadPage(run.cursor, 0, 0, PageRead())

    def _asked(self, run: ActorRun, limit: int) -> ReadPage:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and (ahead.cursor, ahead.limit) == (run.cursor, limit):
            return ahead.page()
        return self._had(run, limit)

    def _had(self, run: ActorRun, limit: int) -> ReadPage:
        page = page_of(self._apify, run, limit)
        return ReadPage(page.offset, len(page.items), page.answer_bytes, self._read(page))

    def _look_ahead(self, run: ActorRun, page: ReadPage, limit: int) -> None:
        """Ask for the page after this one already, if this one was full."""
        after = replace(run, cursor=page.stop)
        wanted = min(self._limit, self._most - after.cursor)
        if page.items == limit and wanted > 0 and page.answer_bytes <= _MOST_AHEAD_BYTES:
            self._ahead = _Ahead(lambda: self._had(after, wanted), page.stop, wanted)

    def _grow(self) -> None:
        """Ask for more next time, but not right after a page that was too large: items beside it are, too."""
        if self._may_grow:
            self._limit = min(PAGE_ITEMS, 2 * self._limit)
        self._may_grow = True


class _Ahead:
    """A page that is being had in a thread of its own, which ends with that."""

    def __init__(self, call: Callable[[], ReadPage], cursor: int, limit: int) -> None:
        self.cursor = cursor
        self.limit = limit
        self._call = call
        self._page: ReadPage | None = None
        self._error: BaseException | None = None
        within = contextvars.copy_context()
        self._thread = threading.Thread(target=lambda: within.run(self._ask), name="next-page", daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        try:
            self._page = self._call()
        except BaseException as error:
            self._error = error

    def page(self) -> ReadPage:
        """Wait for the page. Raises what the call raised."""
        self._thread.join()
        if self._page is None:
            raise self._error or RuntimeError("a page was neither had nor refused")
        return self._page


def page_of(apify: Apify, run: ActorRun, limit: int) -> Page:
    """Ask for up to `limit` items at a row's cursor. Raises what `Apify.items` raises."""
    assert run.dataset_id is not None, "an ended actor run has its dataset"
    with tracing.span("items", offset=run.cursor) as span:
        page = apify.items(run.dataset_id, offset=run.cursor, limit=limit)
        span.note(items=len(page.items))
    return page
