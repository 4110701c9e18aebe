"""A post read by a table of fields: an actor's module tells where things lie, this one reads them.

What it reads is never an exception: a post, or a reject with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from harvester.normalise.person import Item, Person, parts
from harvester.normalise.refusals import MAX_DETAIL, error_of, json_type, not_an_object, shown
from harvester.normalise.text import clean, clean_json, links_in
from harvester.normalise.values import Field, passage
from harvester.posts import (
    Companion,
    Name,
    NameKind,
    Post,
    PostForm,
    PostKind,
    Reject,
    RejectReason,
    TimePrecision,
)

__all__ = [
    "MAX_DETAIL",
    "Extra",
    "Item",
    "Moment",
    "Person",
    "Table",
    "error_of",
    "json_type",
    "not_an_object",
    "parts",
    "quoted",
    "readable",
    "shown",
]

#: What a post shows, by the extra that tells of it; the first that is there.
_FORMS: Final = tuple(
    (form.value, form)
    for form in (
        PostForm.POLL,
        PostForm.EVENT,
        PostForm.NEWSLETTER,
        PostForm.ARTICLE,
        PostForm.DOCUMENT,
        PostForm.VIDEO,
    )
)
#: What bare numbers are taken for: whoever says of the same number what it counts knows better.
_GUESSED: Final = frozenset({NameKind.ACTIVITY, NameKind.OWN})

#: An extra's name, and how it is read from an item.
Extra = tuple[str, Callable[[Item], Any]]
#: A time, and how exactly it was told.
Moment = tuple[datetime, TimePrecision]


def _original(_: Item) -> PostKind:
    return PostKind.ORIGINAL


def _nothing(_: Item) -> None:
    return None


def _no_more(_: Item, __: tuple[Name, ...]) -> tuple[Name, ...]:
    return ()


def _silence(_: Item, __: str) -> tuple[Companion, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Table:
    """Where one actor's items hold what a post is made of.

    `names`: the post's numbers, the one that is its key first; of a bare number the actor's module must say
    what it counts (`values.post_name`). `text`: keys, by preference. `posted`: times with their precision.
    `ago`: a relative time, which is none. `reposter`: who reposted, and `reposted_at` when, where the item is
    the post that was reposted; else `reposted` gives that, where it lies within the item of the repost.
    `form`: what the item says itself about what it shows. `extras`: of each key of an item that an extra can
    come from, that extra. `more_names`: what else the post is proved to be known by. `companions`: comments
    and reactions within the item, of the post with that key.
    """

    names: tuple[Field[Name], ...]
    url: Field[str]
    text: tuple[str, ...]
    posted: tuple[Field[Moment], ...]
    author: Person
    target: Field[str]
    likes: Field[int]
    comments: Field[int]
    reposts: Field[int]
    images: tuple[Field[tuple[str, ...]], ...] = ()
    kind: Callable[[Item], PostKind] = _original
    reposter: Person | None = None
    reposted: Callable[[Item], Item | None] = _nothing
    form: Callable[[Item], PostForm | None] = _nothing
    ago: Field[str] | None = None
    extras: Mapping[str, Extra] = field(default_factory=dict)
    reposted_at: tuple[Field[Moment], ...] = ()
    more_names: Callable[[Item, tuple[Name, ...]], tuple[Name, ...]] = _no_more
    companions: Callable[[Item, str], tuple[Companion, ...]] = _silence

    def post(self, item: Item) -> Post | Reject:
        """Read a post. Never raises."""
        target = self.target.of(item)
        kind = self.kind(item)
        held = self.reposted(item) if kind is PostKind.REPOST else None
        if held is not None:
            return self._as_reposted(item, held, target)
        names, urls = self.names_of(item), self.author.urls(item)
        if kind is not PostKind.REPOST:
            return self._read(item, kind, target, urls, urls, names, {})
        if self.reposter is None:
            return self._read(item, kind, target, urls, (), names, {})
        under = self.reposter.urls(item)
        told = _reposting(self.reposter.told(item, under), _first(self.reposted_at, item))
        return self._read(item, kind, target, urls, under, names, told)

    def _as_reposted(self, item: Item, held: Item, target: str | None) -> Post | Reject:
        """Read a repost as the post that it is of: whoever else reposts that has the same one."""
        own = ((NameKind.REPOST, number) for _, number in self.names_of(item))
        told = self.names_of(held)
        numbers = {number for _, number in told}
        names = told + tuple(one for one in own if one[1] not in numbers)
        under = self.author.urls(item)
        extras = _reposting(self.author.told(item, under), _first(self.posted, item))
        return self._read(held, PostKind.REPOST, target, self.author.urls(held), under, names, extras)

    def _read(
        self,
        item: Item,
        kind: PostKind,
        target: str | None,
        urls: tuple[str, ...],
        under: tuple[str, ...],
        names: tuple[Name, ...],
        told: dict[str, Any],
    ) -> Post | Reject:
        if not names:
            return Reject(RejectReason.NO_ID, "no post number in any ID, URL or URN", target)
        key = names[0][1]
        content = self._content(item)
        if not isinstance(content, str) and isinstance(content, dict | list):
            return Reject(RejectReason.DAMAGED, f"the text of post {key} is {json_type(content)}", target)
        text, truncated = readable(content)
        moment, precision = self._when(item)
        images = self._images(item)
        extras = self._extras(item, text, precision) | told
        return Post(
            post_key=key,
            kind=kind,
            url=self.url.of(item),
            text=text,
            text_truncated=truncated,
            posted_at=moment,
            author=self.author.author(item, urls),
            likes=self.likes.of(item),
            comments=self.comments.of(item),
            reposts=self.reposts.of(item),
            images=images,
            target_url=target,
            found_under=under,
            extras=extras,
            form=_form(self.form(item), extras, images),
            posted_precision=precision,
            names=names,
            companions=self.companions(item, key),
        )

    def names_of(self, item: Item) -> tuple[Name, ...]:
        """Give every name that the item tells of its post, each number once."""
        found: dict[str, Name] = {}
        for one in self.names:
            if (told := one.of(item)) is not None:
                known = found.get(told[1])
                if known is None or (known[0] in _GUESSED and told[0] is not NameKind.OWN):
                    found[told[1]] = told
        names = tuple(found.values())
        return names + self.more_names(item, names)

    def _content(self, item: Item) -> object:
        for key in self.text:
            if (content := item.get(key)) is not None:
                return content
        return None

    def _when(self, item: Item) -> tuple[datetime | None, TimePrecision | None]:
        if (moment := _first(self.posted, item)) is not None:
            return moment
        return None, (TimePrecision.RELATIVE if self.ago is not None and self.ago.of(item) else None)

    def _images(self, item: Item) -> tuple[str, ...]:
        if len(self.images) == 1:
            return self.images[0].of(item) or ()
        return tuple(dict.fromkeys(link for one in self.images for link in one.of(item) or ()))

    def _extras(self, item: Item, text: str, precision: TimePrecision | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        readers = self.extras
        for key, held in item.items():
            if held and key in readers:
                extra, read = readers[key]
                if extra not in found and (value := read(item)):
                    found[extra] = value
        if precision is TimePrecision.RELATIVE and self.ago is not None:
            found["posted_ago"] = self.ago.of(item)
        if links := links_in(text):
            found["links"] = links
        return found


def _first(moments: tuple[Field[Moment], ...], item: Item) -> Moment | None:
    for one in moments:
        if (moment := one.of(item)) is not None:
            return moment
    return None


def _reposting(who: dict[str, str], moment: Moment | None) -> dict[str, Any]:
    """Give who reposted, and when, as extras."""
    found: dict[str, Any] = {}
    if who:
        found["reposted_by"] = who
    if moment is not None:
        found["reposted_at"] = moment[0].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return found


def _form(told: PostForm | None, extras: dict[str, Any], images: tuple[str, ...]) -> PostForm:
    """Give the first form that fits, be it told by the item or seen in what it holds."""
    if not extras and told is None:
        return PostForm.IMAGES if images else PostForm.TEXT
    for word, form in _FORMS:
        if form is told or word in extras:
            return form
    return PostForm.IMAGES if images or told is PostForm.IMAGES else PostForm.TEXT


def quoted(item: object, table: Table) -> dict[str, Any]:
    """Give a post that another one quotes as an extra: `post_key`, `url`, `text`, `author`."""
    if not isinstance(item, dict):
        return {}
    names = table.names_of(item)
    text = next((held for key in table.text if (held := passage(item.get(key)))), None)
    told = {
        "post_key": names[0][1] if names else None,
        "url": table.url.of(item),
        "text": text,
        "author": table.author.told(item),
    }
    return {part: value for part, value in told.items() if value}


def readable(content: object) -> tuple[str, bool]:
    """Give what stands where a text should be as a text, and whether it was cut."""
    if isinstance(content, str):
        return clean(content)
    told = None if isinstance(content, bool) else clean_json(content)
    return ("" if told is None else str(told)), False
