"""A dataset, page by page: as many items at a time as an answer can hold, in all no more than are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from harvester import tracing
from harvester.apify import Apify, Page
from harvester.apify_errors import TooLarge
from harvester.models import ActorRun

#: Items asked for at a time.
PAGE_ITEMS: Final = 1_000
#: What is asked for at the least after calls that failed. Only a page that is too large leads to fewer.
_LEAST_ITEMS: Final = 10


class DatasetPages:
    """Asks for the pages of one actor run's dataset, of which `most` items are taken.

    `renewed` takes the row's lease anew: it outlasts one call to Apify, and not several slow ones.
    """

    def __init__(
        self, apify: Apify, run: ActorRun, most: int, renewed: Callable[[ActorRun], ActorRun]
    ) -> None:
        self._apify = apify
        self._most = most
        self._renewed = renewed
        # A page that failed may have been too heavy for the time that a call has.
        self._limit = max(_LEAST_ITEMS, PAGE_ITEMS >> run.put_offs)
        self._may_grow = True

    def next(self, run: ActorRun) -> tuple[ActorRun, Page]:
        """Ask for the page at the row's cursor, a smaller one if need be. An empty one is the last.

        Raises what `Apify.items` raises but `TooLarge`, and `LostLease`.
        """
        while (limit := min(self._limit, self._most - run.cursor)) > 0:
            try:
                page = page_of(self._apify, run, limit)
            except TooLarge:
                if limit == 1:
                    raise
                self._limit, self._may_grow = limit // 2, False
                run = self._renewed(run)
            else:
                self._grow()
                return run, page
        return run, Page([], run.cursor, None)

    def _grow(self) -> None:
        """Ask for more next time, but not right after a page that was too large: items beside it are, too."""
        if self._may_grow:
            self._limit = min(PAGE_ITEMS, 2 * self._limit)
        self._may_grow = True


def page_of(apify: Apify, run: ActorRun, limit: int) -> Page:
    """Ask for up to `limit` items at a row's cursor. Raises what `Apify.items` raises."""
    assert run.dataset_id is not None, "an ended actor run has its dataset"
    with tracing.span("items", offset=run.cursor) as span:
        page = apify.items(run.dataset_id, offset=run.cursor, limit=limit)
        span.note(items=len(page.items))
    return page
