"""Where a backfill reads from: a dataset at Apify, or the raw items that the ledger has kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, Final

import orjson

from harvester.apify import Apify
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, Tx, actor_runs, backfills, post_names
from harvester.ledger.backfills import StoredPost, StoredReject
from harvester.ledger.companions import FoundCompanion
from harvester.ledger.posts import Found, Refused
from harvester.models import ActorRun
from harvester.normalise import Normaliser, actor_of
from harvester.packed import BadPack, unpack
from harvester.posts import Companion, Post, Reject
from services.attribution import Attribution
from services.dataset_pages import DatasetPages
from services.reading import PageRead, companions_within, read_page

#: Stored items that are read at a time.
_AT_ONCE: Final = 500
_STILL_REFUSED: Final = "rejects that are refused as before"


@dataclass(slots=True)
class Portion:
    """What one transaction of a backfill takes in.

    `at`: when these items were seen. `understood`: places of rejects that are none any more, `refused_anew`
    those that were none before. `cursor`: how far the source is once this is stored. `unread`: stored items
    that are not taken in, by why. `is_last`: its actor run is read to the end with it.
    """

    run: ActorRun
    read: PageRead
    at: datetime
    cursor: int
    understood: list[int] = field(default_factory=list)
    refused_anew: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    is_last: bool = False


@dataclass(slots=True)
class DatasetSource:
    """A dataset at Apify: of an actor run of ours, or a foreign one on behalf of a client."""

    ledger: Ledger
    apify: Apify
    run: ActorRun
    attribution: Attribution
    at: datetime
    most: int
    total: int | None

    @property
    def kind(self) -> str:
        """Say whose dataset it is."""
        return "dataset" if self.is_foreign else "actor run"

    @property
    def is_foreign(self) -> bool:
        """True for a dataset that no actor run of ours has filled."""
        return self.run.marker.startswith(backfills.FOREIGN)

    @property
    def key(self) -> str:
        """Name it among all that may be read at once."""
        return self.run.marker if self.is_foreign else f"actor run {self.run.apify_run_id}"

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        of = f"dataset {self.run.dataset_id} for" if self.is_foreign else f"{self.key} of"
        return f"{of} {self.run.client_id}"

    @property
    def client_id(self) -> str | None:
        """Say whose posts these are."""
        return self.run.client_id

    def saved(self, tx: Tx) -> int | None:
        """Make the row of a foreign dataset, once."""
        if self.is_foreign:
            self.run = backfills.saved_run(tx, self.run)
        return self.run.id

    def portions(self, cursor: int) -> Iterator[Portion]:
        """Read it page by page, from the item `cursor` on. Raises what `Apify.items` raises."""
        reading = replace(self.run, cursor=cursor, put_offs=0)
        reads = partial(read_page, actor_id=self.run.actor_id, attribution=self.attribution)
        pages = DatasetPages(self.apify, reading, self.most, reads, lambda run: run)
        while True:
            _, page = pages.next(reading)
            if not page.items:
                yield self._end(reading.cursor)
                return
            read, stop = page.read, page.stop
            with self.ledger.read() as tx:
                before = backfills.reasons_between(tx, self.run, page.offset, stop)
            refused = {one.position for one in read.refused}
            anew = sum(place not in before and place < self.run.cursor for place in refused)
            understood = sorted(before.keys() - refused)
            yield Portion(self.run, read, self.at, stop, understood, anew)
            reading = replace(reading, cursor=stop)

    def _end(self, cursor: int) -> Portion:
        beyond = max(0, (self.total or 0) - self.most)
        unread = {f"beyond the first {self.most:,} items of its dataset": beyond} if beyond else {}
        return Portion(self.run, PageRead(), self.at, cursor, unread=unread, is_last=True)


@dataclass(slots=True)
class StoredSource:
    """Raw items of posts and rejects that the ledger has, of actor runs made since a moment."""

    ledger: Ledger
    since: datetime
    client_id: str | None
    kind: str = "stored items"
    total: int | None = None

    @property
    def key(self) -> str:
        """Name it among all that may be read at once."""
        return f"stored since {self.since:%Y-%m-%dT%H:%M:%SZ} of {self.client_id or 'all clients'}"

    @property
    def words(self) -> str:
        """Name it in a sentence."""
        return f"what is {self.key}"

    def saved(self, tx: Tx) -> int | None:
        """Say that what is stored hangs on the actor runs that it was of already."""
        return None

    def portions(self, cursor: int) -> Iterator[Portion]:
        """Read the items of one actor run after another, behind the row `cursor`."""
        with self.ledger.read() as tx:
            runs = backfills.runs_since(tx, self.since, client_id=self.client_id, after=cursor)
        before = cursor
        for run in runs:
            last = Portion(run, PageRead(), run.created_at, run.id, is_last=True)
            try:
                normalise = actor_of(run.actor_id).normalise
            except InvalidInput:
                last.unread = {"of an actor that no normaliser reads": 1} if run.cursor else {}
            else:
                yield from self._of_run(run, normalise, before)
            yield last
            before = run.id

    def _of_run(self, run: ActorRun, normalise: Normaliser, cursor: int) -> Iterator[Portion]:
        with self.ledger.read() as tx:
            attribution = _attribution(tx, run)
            for posts in backfills.posts_of(tx, run, at_once=_AT_ONCE):
                known = _names(tx, posts)
                for at, some in groupby(posts, key=lambda post: post.seen_at):
                    yield _posts_again(run, normalise, list(some), known, at, cursor)
            for rejects in backfills.rejects_of(tx, run, at_once=_AT_ONCE):
                yield _rejects_again(run, normalise, rejects, attribution, cursor)


#: What can be read again. `key` says which it is, `total` how far its cursor goes, None if that is unknown.
Source = DatasetSource | StoredSource


def _attribution(tx: Tx, run: ActorRun) -> Attribution:
    if run.marker.startswith(backfills.FOREIGN):
        return Attribution(backfills.every_lead(tx, run.client_id), alone=False)
    return Attribution(actor_runs.targets(tx, run.id))


def _names(tx: Tx, posts: Sequence[StoredPost]) -> dict[int, set[str]]:
    told = post_names.of_posts(tx, [post.id for post in posts])
    return {post_id: {number for _, number in names} for post_id, names in told.items()}


def _posts_again(
    run: ActorRun,
    normalise: Normaliser,
    posts: Sequence[StoredPost],
    known: dict[int, set[str]],
    at: datetime,
    cursor: int,
) -> Portion:
    portion = Portion(run, PageRead(), at, cursor)
    for post in posts:
        item = _unpacked(post.raw)
        found = normalise(item)
        if not post.raw or post.lead_id is None:
            _leave(portion, "pruned" if not post.raw else "without a lead")
        elif not isinstance(found, Post):
            _leave(portion, "posts that would be refused now, and stay")
        elif known[post.id].isdisjoint(post_names.of_item(found)):
            _leave(portion, "posts that would have another name now, and stay")
        else:
            portion.read.found.append(Found(found, post.lead_id, post.raw))
            portion.read.companions.extend(companions_within(found))
    return portion


def _rejects_again(
    run: ActorRun,
    normalise: Normaliser,
    rejects: Sequence[StoredReject],
    attribution: Attribution,
    cursor: int,
) -> Portion:
    portion = Portion(run, PageRead(), run.apify_finished_at or run.created_at, cursor)
    for reject in rejects:
        found = normalise(_unpacked(reject.raw))
        if isinstance(found, Post):
            lead_id = attribution.lead_of(found.target_url, found.found_under)
            if lead_id is None:
                _leave(portion, _STILL_REFUSED)
                continue
            portion.read.found.append(Found(found, lead_id, reject.raw))
            portion.read.companions.extend(companions_within(found))
        elif isinstance(found, Companion):
            portion.read.companions.append(FoundCompanion(found, reject.raw))
        elif isinstance(found, Reject):
            if found.reason != reject.reason:
                _still_refused(portion, reject, found, attribution)
            else:
                _leave(portion, _STILL_REFUSED)
            continue
        portion.understood.append(reject.position)
    return portion


def _still_refused(portion: Portion, reject: StoredReject, found: Reject, attribution: Attribution) -> None:
    lead_id = attribution.lead_of(found.target_url)
    sample = unpack(reject.raw).decode("utf-8", "replace")[:2_000]
    portion.read.refused.append(Refused(reject.position, found, lead_id, sample, reject.raw))


def _leave(portion: Portion, why: str) -> None:
    portion.unread[why] = portion.unread.get(why, 0) + 1


def _unpacked(raw: bytes) -> Any:
    with suppress(BadPack, orjson.JSONDecodeError):
        return orjson.loads(unpack(raw))
    return None
