"""Reading a page of a dataset: each item becomes a post of a lead, a reject with its reason, or neither."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from typing import Any, Final

import orjson

from harvester.apify import Page, TooLargeItem
from harvester.ledger.posts import Found, Refused
from harvester.normalise import actor_of
from harvester.normalise.text import clean, clean_json
from harvester.posts import Post, Reject, RejectReason
from services.attribution import Attribution

#: Rejects of one page of which a sample is kept, and how long a sample is.
SAMPLES: Final = 20
SAMPLE_CHARS: Final = 2_000


def read_page(page: Page, actor_id: str, attribution: Attribution) -> tuple[list[Found], list[Refused]]:
    """Sort a page's items. Comments, reactions and the actor's word that there are no posts are neither."""
    normalise = actor_of(actor_id).normalise
    found: list[Found] = []
    refused: list[Refused] = []
    for position, item in enumerate(page.items, start=page.offset):
        if isinstance(item, TooLargeItem):
            refused.append(Refused(position, Reject(RejectReason.TOO_LARGE, item.why), None, None))
            continue
        result = normalise(item)
        if isinstance(result, Post):
            lead_id = attribution.lead_of(result.target_url, result.found_under)
            if lead_id is not None:
                found.append(Found(result, lead_id, zlib.compress(_encoded(item), 1)))
                continue
            result = Reject(RejectReason.UNATTRIBUTABLE, "no lead of this batch", result.target_url)
        if isinstance(result, Reject):
            sample = _sample(item) if len(refused) < SAMPLES else None
            refused.append(Refused(position, result, _lead_of(result, attribution), sample))
    return found, refused


def _lead_of(reject: Reject, attribution: Attribution) -> int | None:
    return attribution.lead_of(reject.target_url) if reject.target_url is not None else None


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
