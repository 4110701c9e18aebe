"""What a portion of a backfill adds to the ledger and changes in it: it is placed, and not written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from harvester.ledger import Tx
from harvester.ledger.post_known import Known
from harvester.ledger.post_shelf import Shelf
from services.backfill_sources import Portion

#: Changed posts of which the words before and after are shown, and how much of each.
EXAMPLES: Final = 20
_CHARS: Final = 60
#: What a change of a post is told by; the rest follows from these, or from when it was seen.
_SHOWN: Final = {
    "kind": "kind",
    "form": "form",
    "text": "text",
    "url": "url",
    "posted_at": "postedAt",
    "posted_precision": "postedPrecision",
    "author_name": "author",
    "author_url": "authorUrl",
    "likes": "likes",
    "comments": "comments",
    "reposts": "reposts",
    "images": "images",
    "extras": "extras",
}


@dataclass(slots=True)
class Change:
    """A post that changes: by its key, each field with what it was and what it becomes, shortened."""

    post_key: str
    fields: dict[str, tuple[str, str]]


@dataclass(slots=True)
class Difference:
    """What a backfill finds, portion by portion, or has done.

    `understood`: rejects that are none any more. `refused`: rejects by reason, `refused_anew` how many of
    these the ledger did not have. `unread`: stored items that are left as they are, by why.
    """

    items: int = 0
    posts_new: int = 0
    posts_changed: int = 0
    posts_same: int = 0
    companions: int = 0
    understood: int = 0
    refused_anew: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unread: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)
    _new: set[tuple[str, str]] = field(default_factory=set)
    _changed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """True if storing it would change nothing but what is known of rejects."""
        return not (self.posts_new or self.posts_changed or self.understood or self.companions)

    def take(self, tx: Tx, portion: Portion) -> None:
        """Compare a portion with the ledger as it stands in `tx`, before it is stored."""
        read = portion.read
        self.items += (
            len(read.found) + len(read.refused) + sum(one.companion.item is None for one in read.companions)
        )
        self.companions += len(read.companions)
        self.understood += len(portion.understood)
        self.refused_anew += portion.refused_anew
        self.refused.update(str(one.reject.reason) for one in read.refused)
        self.unread.update(portion.unread)
        if read.found:
            self._compare(tx, portion)

    def _compare(self, tx: Tx, portion: Portion) -> None:
        for known in Shelf(tx, portion.run, portion.read.found, now=portion.at).all:
            self._count(portion.run.client_id, known)

    def _count(self, client_id: str, known: Known) -> None:
        key = (client_id, known.values["post_key"])
        changed = _changes(known) if known.before is not None else {}
        if known.before is None:
            if key not in self._new:
                self._new.add(key)
                self.posts_new += 1
        elif key in self._new:
            return  # an earlier page of the same source has brought it
        elif not changed:
            self.posts_same += 1
        elif key not in self._changed:
            self._changed.add(key)
            self.posts_changed += 1
            self.fields.update(changed.keys())
            if len(self.examples) < EXAMPLES:
                self.examples.append(Change(key[1], changed))


def _changes(known: Known) -> dict[str, tuple[str, str]]:
    before, after = known.before or {}, known.values
    return {
        shown: _shortened(before[name], after[name])
        for name, shown in _SHOWN.items()
        if before[name] != after[name]
    }


def _shortened(before: Any, after: Any) -> tuple[str, str]:
    """Give both from a little before where they begin to differ."""
    old, new = _words(before), _words(after)
    same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = max(0, same - _CHARS // 3) if max(len(old), len(new)) > _CHARS else 0
    return _cut(old, start), _cut(new, start)


def _words(value: Any) -> str:
    return "–" if value is None else str(value)


def _cut(text: str, start: int) -> str:
    part = text[start : start + _CHARS]
    return f"{'…' if start else ''}{part}{'…' if len(text) > start + _CHARS else ''}"
