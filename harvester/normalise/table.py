"""A post read by a table of fields: an actor's module tells where things lie, this one reads them.

What it reads is never an exception: a post, or a reject with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import orjson

from harvester.normalise.text import clean, clean_json, links_in, one_line
from harvester.normalise.values import Field, name, passage
from harvester.posts import (
    Author,
    Name,
    NameKind,
    Post,
    PostForm,
    PostKind,
    Reject,
    RejectReason,
    TimePrecision,
)

MAX_DETAIL: Final = 300  # characters of a reject's detail
_JSON_TYPES: Final = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}
#: What a post shows, by the extra that tells of it; the first that is there.
_FORMS: Final = (
    PostForm.POLL,
    PostForm.EVENT,
    PostForm.NEWSLETTER,
    PostForm.ARTICLE,
    PostForm.DOCUMENT,
    PostForm.VIDEO,
)

Item = dict[str, Any]
#: An extra's name, and how it is read from an item.
Extra = tuple[str, Callable[[Item], Any]]
#: A time, and how exactly it was told.
Moment = tuple[datetime, TimePrecision]


@dataclass(frozen=True, slots=True)
class Person:
    """Where a person or a company stands in an item: parts of the name, links to the profile, and slugs.

    A slug comes with the section of LinkedIn that it is of, `in` or `company`. `whole`: where the name stands
    in one piece, if it stands in parts as well.
    """

    names: tuple[Field[str], ...]
    links: tuple[Field[str], ...]
    slugs: tuple[tuple[str, Field[str]], ...] = ()
    whole: Field[str] | None = None

    def urls(self, item: Item) -> tuple[str, ...]:
        """Give every profile URL that the item tells of this person, the actor's own links first."""
        found: dict[str, None] = {}
        for one in self.links:
            if link := one.of(item):
                found[link] = None
        for section, part in self.slugs:
            if value := part.of(item):
                found[f"https://www.linkedin.com/{section}/{value}"] = None
        return tuple(found)

    def author(self, item: Item, urls: tuple[str, ...] | None = None) -> Author:
        """Give this person as an author; `urls` is what `urls()` found, if it was asked already."""
        known = self.urls(item) if urls is None else urls
        told = self.whole.of(item) if self.whole is not None else None
        if told is None and len(self.names) == 1:
            told = self.names[0].of(item)
        elif told is None:
            told = name(" ".join(part for one in self.names if (part := one.of(item))))
        return Author(told, known[0] if known else None)

    def told(self, item: Item) -> dict[str, str]:
        """Give this person as an extra: `name` and `url`, as far as they are known."""
        author = self.author(item)
        found = {"name": author.name, "url": author.url}
        return {part: value for part, value in found.items() if value}


def parts(item: Item, fields: Mapping[str, Field[Any]]) -> dict[str, Any]:
    """Read several fields; what the item does not hold is absent."""
    return {part: value for part, one in fields.items() if (value := one.of(item)) is not None}


def _original(_: Item) -> PostKind:
    return PostKind.ORIGINAL


def _nothing(_: Item) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Table:
    """Where one actor's items hold what a post is made of.

    `names`: the post's numbers, the one that is its key first; of a bare number the actor's module must say
    what it counts (`values.post_name`). `text`: keys, by preference. `posted`: times with their precision.
    `ago`: a relative time, which is none. `reposter`: who reposted, where the item is the post that was
    reposted; else `reposted` gives that, where it lies within the item of the repost. `form`: what the item
    says itself about what it shows. `extras`: of each key of an item that an extra can come from, that extra.
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

    def post(self, item: Item) -> Post | Reject:
        """Read a post. Never raises."""
        target = self.target.of(item)
        kind = self.kind(item)
        held = self.reposted(item) if kind is PostKind.REPOST else None
        if held is not None:
            return self._as_reposted(item, held, target)
        urls = self.author.urls(item)
        under = urls if kind is not PostKind.REPOST else self.reposter.urls(item) if self.reposter else ()
        return self._read(item, kind, target, urls, under, self.names_of(item), {})

    def _as_reposted(self, item: Item, held: Item, target: str | None) -> Post | Reject:
        """Read a repost as the post that it is of: whoever else reposts that has the same one."""
        own = ((NameKind.REPOST, number) for _, number in self.names_of(item))
        told = self.names_of(held)
        numbers = {number for _, number in told}
        names = told + tuple(one for one in own if one[1] not in numbers)
        extras: dict[str, Any] = {}
        if reposter := self.author.told(item):
            extras["reposted_by"] = reposter
        moment, _ = self._when(item)
        if moment is not None:
            extras["reposted_at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        urls = self.author.urls(held)
        return self._read(held, PostKind.REPOST, target, urls, self.author.urls(item), names, extras)

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
        if isinstance(content, dict | list):
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
        )

    def names_of(self, item: Item) -> tuple[Name, ...]:
        """Give every name that the item tells of its post, each number once."""
        found: dict[str, Name] = {}
        for one in self.names:
            told = one.of(item)
            if told is not None:
                found.setdefault(told[1], told)
        return tuple(found.values())

    def _content(self, item: Item) -> object:
        for key in self.text:
            if (content := item.get(key)) is not None:
                return content
        return None

    def _when(self, item: Item) -> tuple[datetime | None, TimePrecision | None]:
        for one in self.posted:
            if (moment := one.of(item)) is not None:
                return moment
        return None, (TimePrecision.RELATIVE if self.ago is not None and self.ago.of(item) else None)

    def _images(self, item: Item) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for one in self.images:
            for link in one.of(item) or ():
                found[link] = None
        return tuple(found)

    def _extras(self, item: Item, text: str, precision: TimePrecision | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, held in item.items():
            if held and key in self.extras:
                extra, read = self.extras[key]
                if extra not in found and (value := read(item)):
                    found[extra] = value
        if precision is TimePrecision.RELATIVE and self.ago is not None:
            found["posted_ago"] = self.ago.of(item)
        if links := links_in(text):
            found["links"] = links
        return found


def _form(told: PostForm | None, extras: dict[str, Any], images: tuple[str, ...]) -> PostForm:
    """Give the first form that fits, be it told by the item or seen in what it holds."""
    for form in _FORMS:
        if form is told or form.value in extras:
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


def error_of(item: Item, keys: Sequence[str] = ("error", "errorMessage", "message")) -> str:
    """Give the actor's own word of what went wrong, for a reject's detail."""
    for key in keys:
        told = item.get(key)
        if told and not isinstance(told, bool):
            return shown(told)
    return "the actor gave no reason"


def shown(value: object) -> str:
    """Give any JSON value in a few words."""
    if isinstance(value, str):
        return one_line(value, MAX_DETAIL)
    return one_line(orjson.dumps(clean_json(value, limit=MAX_DETAIL, depth=3)).decode(), MAX_DETAIL)


def json_type(value: object) -> str:
    """Name the type of a JSON value, with its article."""
    return _JSON_TYPES.get(type(value), "no JSON")


def not_an_object(item: object) -> Reject:
    """Refuse what is no object at all."""
    return Reject(RejectReason.NOT_AN_OBJECT, f"the item is {json_type(item)}")
