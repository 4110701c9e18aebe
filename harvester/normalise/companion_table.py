"""Comments and reactions read by a table of fields, as items of their own or within that of their post."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from harvester.normalise.person import Item, Person
from harvester.normalise.refusals import json_type
from harvester.normalise.table import readable
from harvester.normalise.values import Field, objects
from harvester.posts import MOST_WITHIN, Author, Companion, CompanionKind, Reject, RejectReason


@dataclass(frozen=True, slots=True)
class CompanionTable:
    """Where one actor's comments and reactions hold what they are made of.

    `own`: LinkedIn's own ID. `post`: the number of the post that it belongs to, by preference. `text`: the
    key of a comment's words.
    """

    own: Field[str]
    post: tuple[Field[str], ...]
    url: Field[str]
    author: Person
    headline: Field[str]
    text: str
    reaction: Field[str]
    created: tuple[Field[datetime], ...]
    likes: Field[int]

    def read(self, kind: CompanionKind, item: Item) -> Companion | Reject:
        """Read an item of its own. Refuses what belongs to nothing or has no readable text; never raises."""
        post, own = self._post(item), self.own.of(item)
        if post is None and own is None:
            return Reject(RejectReason.NO_ID, f"a {kind} without an ID and without the number of a post")
        content = item.get(self.text)
        if isinstance(content, dict | list):
            return Reject(RejectReason.DAMAGED, f"the text of a {kind} is {json_type(content)}")
        return self._companion(kind, item, own, post)

    def within(
        self, item: Item, places: Sequence[tuple[CompanionKind, str]], key: str
    ) -> tuple[Companion, ...]:
        """Read what lies in lists within the item of the post with that key, `MOST_WITHIN` at the most."""
        found: list[Companion] = []
        for kind, place in places:
            if not (held := item.get(place)):
                continue
            for one in objects(held, MOST_WITHIN - len(found)):
                own = self.own.of(one)
                said = self._companion(kind, one, own, key, one)
                if own is not None or said.author != Author() or said.text or said.reaction:
                    found.append(said)
        return tuple(found)

    def _companion(
        self, kind: CompanionKind, item: Item, own: str | None, post: str | None, held: Item | None = None
    ) -> Companion:
        author = self.author.author(item)
        content = item.get(self.text)
        text, truncated = ("", False) if isinstance(content, dict | list) else readable(content)
        reaction = self.reaction.of(item) if kind is CompanionKind.REACTION else None
        created = self._created(item)
        return Companion(
            kind=kind,
            post_key=post,
            key=own or _digest(kind, self._post(item) or post, author, text or reaction, created),
            author=author,
            headline=self.headline.of(item),
            text=text,
            text_truncated=truncated,
            reaction=reaction,
            created_at=created,
            likes=self.likes.of(item),
            url=self.url.of(item),
            item=held,
        )

    def _created(self, item: Item) -> datetime | None:
        for one in self.created:
            if (moment := one.of(item)) is not None:
                return moment
        return None

    def _post(self, item: Item) -> str | None:
        for one in self.post:
            if (number := one.of(item)) is not None:
                return number
        return None


def _digest(
    kind: CompanionKind, post: str | None, author: Author, said: str | None, created: datetime | None
) -> str:
    """Make a key of what it says, which is the same within its post's item and as an item of its own."""
    told = orjson.dumps([kind.value, post, author.url, said, created])
    return f"sha256:{hashlib.sha256(told).hexdigest()}"
