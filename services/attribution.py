"""Attribution: under which lead of the batch an item was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harvester.errors import InvalidInput
from harvester.models import Target
from harvester.profile_urls import canonical


class Attribution:
    """Knows the leads of one batch by the URLs that were sent for them.

    Not `alone`: they were not what was asked for, so that an item which names nobody is not the only one's.
    """

    def __init__(self, targets: Sequence[Target], *, alone: bool = True) -> None:
        self._leads = {target.target_url: target.lead_id for target in targets}
        self._only = targets[0].lead_id if alone and len(targets) == 1 else None
        self._others: dict[str, int | None] = {}

    def lead_of(self, target_url: str | None, found_under: Iterable[str] = ()) -> int | None:
        """Give the lead that an item belongs to, or None.

        The URL that the actor was given says it; the author does not, for a repost has another one. Only
        where the actor names no URL is it whose activity the item was in, or the batch's only lead.
        """
        if target_url is not None:
            return self._by_url(target_url)
        for url in found_under:
            lead_id = self._by_url(url)
            if lead_id is not None:
                return lead_id
        return self._only

    def _by_url(self, url: str) -> int | None:
        if url in self._leads:
            return self._leads[url]
        if url not in self._others:
            if len(self._others) > 10_000:
                self._others.clear()
            self._others[url] = self._canonical(url)
        return self._others[url]

    def _canonical(self, url: str) -> int | None:
        try:
            return self._leads.get(canonical(url))
        except InvalidInput:
            return None
