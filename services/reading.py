"""Reading a page of a dataset: each item becomes a post of a lead, what was said to one, or a reject."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from harvester.apify import Page, TooLargeItem
from harvester.ledger.actor_outputs import Look
from harvester.ledger.companions import FoundCompanion
from harvester.ledger.posts import Found, Refused
from harvester.normalise import actor_of
from harvester.normalise.text import clean, clean_json
from harvester.packed import pack
from harvester.posts import Companion, Post, Reject, RejectReason
from services.attribution import Attribution
from services.drift_looks import look_at, spread

#: Rejects of one page of which a sample is kept, and how long a sample is.
SAMPLES: Final = 20
SAMPLE_CHARS: Final = 2_000
#: Errors have no fields of posts; what is of nobody was a post before, and is shown as such.
_NOT_SHOWN: Final = (RejectReason.ERROR_ITEM, RejectReason.UNATTRIBUTABLE)


@dataclass(frozen=True, slots=True)
class PageRead:
    """What a page's items are. An actor's word that there are no posts is none of these."""

    found: list[Found] = field(default_factory=list)
    companions: list[FoundCompanion] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    #: Some of the items that are posts, or should be: what an actor's output is known by.
    shown: list[object] = field(default_factory=list)

    def look(self, items: int) -> Look:
        """Say how the page looked, of so many items."""
        return look_at(items, self.found, self.companions, self.refused, self.shown)


def read_page(page: Page, actor_id: str, attribution: Attribution) -> PageRead:
    """Sort a page's items."""
    normalise = actor_of(actor_id).normalise
    read = PageRead()
    for position, item in enumerate(page.items, start=page.offset):
        if isinstance(item, TooLargeItem):
            read.refused.append(Refused(position, Reject(RejectReason.TOO_LARGE, item.why), None, None))
            continue
        result = normalise(item)
        if isinstance(result, Post):
            read.shown.append(item)
            lead_id = attribution.lead_of(result.target_url, result.found_under)
            if lead_id is not None:
                read.found.append(Found(result, lead_id, _packed(item)))
                read.companions.extend(companions_within(result))
                continue
            result = Reject(RejectReason.UNATTRIBUTABLE, "no lead of this batch", result.target_url)
        if isinstance(result, Reject):
            if result.reason not in _NOT_SHOWN:
                read.shown.append(item)
            sample = _sample(item) if len(read.refused) < SAMPLES else None
            lead_id = _lead_of(result, attribution)
            read.refused.append(Refused(position, result, lead_id, sample, _packed(item)))
        elif isinstance(result, Companion):
            read.companions.append(FoundCompanion(result, _packed(item)))
    read.shown[:] = spread(read.shown)
    return read


def companions_within(post: Post) -> Iterable[FoundCompanion]:
    """Give the comments and reactions that lay within a post's item."""
    return (FoundCompanion(one, _packed(one.item)) for one in post.companions)


def _packed(item: Any) -> bytes:
    return pack(_encoded(item))


def _lead_of(reject: Reject, attribution: Attribution) -> int | None:
    """Give the lead that went without: an actor that takes one profile a run need not name it."""
    return attribution.lead_of(reject.target_url)


def _sample(item: Any) -> str:
    return clean(_encoded(item).decode("utf-8", "replace"), SAMPLE_CHARS)[0]


def _encoded(item: Any) -> bytes:
    """Encode an item as JSON. The slower encoder takes what orjson refuses: lone surrogates, huge numbers.

    The parser lets deeper nesting in than either can write out; of such an item the bottom is left off.
    """
    for encode in (orjson.dumps, _encoded_slowly):
        with suppress(TypeError, RecursionError):
            return encode(item)
    return orjson.dumps(clean_json(item))


def _encoded_slowly(item: Any) -> bytes:
    return json.dumps(item, default=str).encode("ascii")
