"""A post as it stands in the ledger, or is about to, and what an item or another row of it adds to that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import Any, Final

from harvester import search_words
from harvester.ledger import post_counts
from harvester.ledger.post_counts import Counts
from harvester.ledger.post_names import Names
from harvester.models import ActorRun
from harvester.posts import Post, PostForm, PostKind, TimePrecision

#: What an item may leave out: that is no word against what is known.
_PERHAPS: Final = ("url", "author_name", "author_url")
_FIRST: Final = ("first_seen_at", "first_actor_run_id", "first_client_run_id")
#: What a post is, the plainest word first: a more exact one stays, in whichever order they come.
_KINDS: Final = (PostKind.REPOST, PostKind.ORIGINAL, PostKind.QUOTE)
#: What a post shows, the first that fits first.
_FORMS: Final = tuple(PostForm)
#: Times by how exact they are; a time of before there were precisions is exact to the second at least.
_PRECISIONS: Final = (
    TimePrecision.RELATIVE,
    TimePrecision.DAY,
    TimePrecision.SECOND,
    TimePrecision.MILLISECOND,
)


@dataclass(frozen=True, slots=True)
class Found:
    """A post as an actor run brought it: for which lead, and the raw item, compressed."""

    post: Post
    lead_id: int
    raw: bytes


@dataclass(slots=True, eq=False)
class Known:
    """One post: its row's ID if it has one, the row's columns, its names.

    `values` has `raw` only where that is to be written. `history` has what was loaded of earlier counts, and
    `recorded` what is to be added to them.
    """

    id: int | None
    values: dict[str, Any]
    names: Names
    saved: Names = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    history: dict[datetime, Counts] | None = None
    recorded: dict[datetime, Counts] = field(default_factory=dict)
    lead_ids: set[int] = field(default_factory=set)
    #: True if its row was not there before this page.
    is_new: bool = False

    @property
    def row_id(self) -> int:
        """Its row's ID. Raises `ValueError` before it has one."""
        if self.id is None:
            raise ValueError("a post that is not stored yet has no ID")
        return self.id

    @property
    def changed(self) -> bool:
        """True if the row is to be written."""
        return self.values != self.before

    @property
    def seen_at(self) -> datetime:
        """When it was seen last."""
        moment: datetime = self.values["last_seen_at"]
        return moment

    @property
    def counted_at(self) -> datetime:
        """When its counts were told last."""
        return post_counts.told_at(self.values)

    def take(self, told: dict[str, Any]) -> None:
        """Take what a page's items tell: all of it if none was seen later, else only what is missing."""
        first = {name: self.values[name] for name in _FIRST}
        self._join(told, {})
        self.values.update(first)

    def absorb(self, other: Known, raw_of: Callable[[int], bytes]) -> None:
        """Take over a younger row of the same post, of which nothing is lost. Both histories must be loaded.

        `raw_of` gives the raw item of a row.
        """
        told = other.values
        if "raw" not in told and other.id is not None and other.seen_at >= self.seen_at:
            told = {**told, "raw": raw_of(other.id)}
        self._join(told, other.history or {}, wins=_by_url(told) >= _by_url(self.values))

    def _join(self, told: dict[str, Any], theirs: Mapping[datetime, Counts], *, wins: bool = True) -> None:
        """Put together. Of what was seen at one time what is told counts, if it `wins`."""
        old = self.values
        self.values = joined(old, told) if wins else joined(told, old) | {"post_key": old["post_key"]}
        first = min((old, told), key=lambda values: values["first_seen_at"])
        self.values.update({name: first[name] for name in _FIRST})
        earlier = dict(theirs)
        for values in (old, told):
            if (at := post_counts.told_at(values)) < self.counted_at:
                earlier[at] = post_counts.of_row(values)
        for at in sorted(earlier, reverse=True):
            self._record(at, earlier[at])

    def _record(self, at: datetime, counts: Counts) -> None:
        """Keep counts of a time before the present ones."""
        if at >= self.counted_at:
            return
        known = {**(self.history or {}), **self.recorded}
        kept = post_counts.recorded(known, self.values, at, counts)
        if kept:
            self.recorded[at] = kept


def told_by(run: ActorRun, item: Found, now: datetime) -> dict[str, Any]:
    """Give what an item tells as columns."""
    post = item.post
    return {
        "client_id": run.client_id,
        "post_key": post.post_key,
        "url": post.url,
        "kind": post.kind,
        "form": post.form,
        "text": post.text,
        "text_truncated": post.text_truncated,
        "posted_at": post.posted_at,
        "posted_precision": post.posted_precision,
        "author_name": post.author.name,
        "author_url": post.author.url,
        "likes": post.likes,
        "comments": post.comments,
        "reposts": post.reposts,
        "counted_at": None,
        "images": list(post.images),
        "extras": post.extras,
        "raw": item.raw,
        "last_actor_run_id": run.id,
        "first_actor_run_id": run.id,
        "first_client_run_id": run.client_run_id,
        "first_seen_at": now,
        "last_seen_at": now,
        "words": search_words.of(post.text, post.author.name),
    }


def of_page(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put together what one page's items tell of a post, by its first item's key.

    They were seen at one time. The last word counts, and of items with several URLs those with the greatest:
    it is the same when a later page tells that rows of this one are one post.
    """
    if len(told) == 1:
        return told[0]
    return reduce(joined, sorted(told, key=_by_url)) | {"post_key": told[0]["post_key"]}


def joined(old: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Put together what is known of a post and what is told of it now, by when either was seen.

    Of what was seen at one time, the word told now counts. The key stays.
    """
    later, earlier = (told, old) if told["last_seen_at"] >= old["last_seen_at"] else (old, told)
    values = {**later, **post_counts.joined(old, told), "post_key": old["post_key"]}
    if values["counted_at"] == values["last_seen_at"]:
        values["counted_at"] = None
    for name in _PERHAPS:
        if values[name] is None:
            values[name] = earlier[name]
    values.update(_shown(later, earlier))
    # The more exact time; of two that are as exact, the one that was told later.
    timed = max((later, earlier), key=_exactness)
    values.update(posted_at=timed["posted_at"], posted_precision=timed["posted_precision"])
    if later["kind"] != earlier["kind"]:
        values["kind"] = max(later["kind"], earlier["kind"], key=lambda kind: _KINDS.index(PostKind(kind)))
    if any(values[name] != later[name] for name in ("author_name", "text")):
        values["words"] = search_words.of(values["text"], values["author_name"])
    return values


def _by_url(values: Mapping[str, Any]) -> str:
    return values["url"] or ""


def _exactness(values: Mapping[str, Any]) -> tuple[bool, int]:
    told = values["posted_precision"]
    assumed = TimePrecision.SECOND if values["posted_at"] is not None else None
    precision = TimePrecision(told) if told is not None else assumed
    return values["posted_at"] is not None, -1 if precision is None else _PRECISIONS.index(precision)


def _shown(later: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Give the text of a post and what it shows: whatever the later look leaves out stays as it was.

    So nothing is lost where the later one is of an actor that tells less.
    """
    spoken = later if later["text"] or not earlier["text"] else earlier
    fleeting = {"links", "posted_ago"}  # the text's own, and of the moment at which it was told
    extras = {name: value for name, value in earlier["extras"].items() if name not in fleeting}
    extras.update(later["extras"])
    if spoken is earlier and "links" in earlier["extras"]:
        extras["links"] = earlier["extras"]["links"]
    return {
        "text": spoken["text"],
        "text_truncated": spoken["text_truncated"],
        "extras": extras,
        "images": later["images"] or earlier["images"],
        "form": min(later["form"], earlier["form"], key=lambda form: _FORMS.index(PostForm(form))),
    }
