"""Post search: what people and programs ask for, made exact, and the posts that fit it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from harvester import search_words
from harvester.errors import InvalidInput
from harvester.ledger import Ledger, post_counts, post_search, post_sightings
from harvester.ledger.post_search import Place, Wanted
from harvester.packed import BadPack, unpack
from harvester.profile_urls import canonical
from services import shapes
from services.listing import Listing

#: Posts that an export reads at once.
_AT_ONCE: Final = 500
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_CURSOR = re.compile(r"(?:(-?[0-9]{1,18})\.)?([0-9]{1,18})")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for, as it was given. None: not asked.

    `q` is words, in any order, of the text or its author's name; the last one may be a beginning. `lead` is a
    profile URL in any spelling. `posted_from` and `posted_to` are days in UTC or moments, both included.
    """

    q: str | None = None
    client_id: str | None = None
    lead: str | None = None
    client_run_id: str | None = None
    posted_from: str | None = None
    posted_to: str | None = None

    def wanted(self) -> Wanted | None:
        """Make it exact; None where nothing can fit. Raises `InvalidInput` for a bad URL or time."""
        lead = None if self.lead is None else canonical(self.lead)
        since = _moment("postedFrom", self.posted_from, "invalid_posted_from")
        until = _moment("postedTo", self.posted_to, "invalid_posted_to", end=True)
        words, prefix = search_words.asked(self.q or "")
        named = (self.client_id, self.client_run_id)
        without_words = (self.q or "").strip() != "" and not words and prefix is None
        if without_words or any("\0" in name for name in named if name):
            return None
        return Wanted(tuple(words), prefix, named[0], lead, named[1], since, until)


class PostSearch:
    """Finds posts. It only reads."""

    def __init__(self, ledger: Ledger, *, few: int = post_search.FEW) -> None:
        """Build it. `few`: posts with the words that are looked up one by one."""
        self._ledger = ledger
        self._few = few

    def page(self, filters: Filters, *, limit: int, cursor: str | None = None) -> Listing:
        """List posts: newest stored first, or newest posted first where a time is asked for.

        Raises `InvalidInput`, also for a cursor that is none of this list's.
        """
        wanted = filters.wanted()
        after = _place(cursor, wanted)
        if wanted is None:
            return Listing([], None)
        with self._ledger.read() as tx:
            found, following = post_search.page(tx, wanted, limit=limit, after=after, few=self._few)
        return Listing([shapes.post(one) for one in found], _cursor(following))

    def every(self, filters: Filters) -> Iterator[dict[str, Any]]:
        """Give all posts that fit, in the same order. Holds no transaction between pages."""
        cursor: str | None = None
        while True:
            page = self.page(filters, limit=_AT_ONCE, cursor=cursor)
            yield from page.rows
            cursor = page.next_cursor
            if cursor is None:
                return

    def post(self, post_id: int) -> dict[str, Any] | None:
        """Show one post, None if there is none of this ID, with `seenBy`, `raw` and `counts`.

        Those are the latest actor runs that saw it, newest first, its item as JSON text, None if pruned, and
        what its counts were before, newest first.
        """
        with self._ledger.read() as tx:
            found = post_sightings.whole(tx, post_id)
            if found is None:
                return None
            seen, cut = post_sightings.seen_by(tx, post_id)
            before = [shapes.earlier_counts(one) for one in post_counts.latest(tx, post_id)]
        seen_by = {"seenBy": [_seen(one) for one in seen], "seenByMore": cut}
        return {**shapes.post(found), "raw": _item(found["raw"]), **seen_by, "counts": before}


def _item(raw: bytes) -> str | None:
    """Show a raw item, indented where it is JSON that has a form; None where it was pruned."""
    if not raw:
        return None
    try:
        item = unpack(raw)
        return orjson.dumps(orjson.loads(item), option=orjson.OPT_INDENT_2).decode()
    except BadPack:
        return raw.decode("utf-8", "replace")
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return item.decode("utf-8", "replace")


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "clientRunId": row["client_run_id"],
        "batch": row["batch"],
        "actorRunId": row["apify_run_id"],
        "startedAt": shapes.time(row["apify_started_at"]),
    }


def _moment(name: str, given: str | None, code: str, *, end: bool = False) -> datetime | None:
    """Read a day or a moment; of an end, the moment from which on nothing is wanted any more."""
    if given is None:
        return None
    text = given.strip()
    try:
        if not (_DAY.fullmatch(text) or "T" in text):
            raise ValueError(text)  # such as 20261122 or 2026-W47-7, which a day must not be mistaken for
        at = datetime.fromisoformat(text)
        moment = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(
            f"{name} must be a day such as 2026-11-22 or a moment such as 2026-11-22T05:00:00Z", code=code
        ) from error
    if not end:
        return moment
    last = datetime.max.replace(tzinfo=UTC)
    further = timedelta(days=1) if _DAY.fullmatch(text) else _TICK
    return moment + further if last - moment > further else last


def _cursor(place: Place | None) -> str | None:
    if place is None or place.posted_at is None:
        return None if place is None else str(place.id)
    return f"{(place.posted_at - _EPOCH) // _TICK}.{place.id}"


def _place(cursor: str | None, wanted: Wanted | None) -> Place | None:
    if cursor is None:
        return None
    parts = _CURSOR.fullmatch(cursor)
    try:
        if parts is None or (wanted is not None and (parts[1] is None) is wanted.by_time):
            raise ValueError(cursor)
        return Place(int(parts[2]), None if parts[1] is None else _EPOCH + int(parts[1]) * _TICK)
    except (ValueError, OverflowError) as error:
        told = "cursor must be the nextCursor of an earlier answer to the same question"
        raise InvalidInput(told, code="invalid_cursor") from error
