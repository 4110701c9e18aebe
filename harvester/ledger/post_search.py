"""Finding posts: by the words they hold, their lead, client run and time, a page at a time, newest first.

SQLite has an index of its own for words (FTS5), which answers in the order of rows. Where more is asked for,
those that have the words are either few, and looked up, or many, and then it is what else is asked for that
is looked up, and compared with all of them: a hundred thousand are put together in some 20 ms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    bindparam,
    column,
    func,
    literal,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from harvester.ledger import posts
from harvester.ledger.database import Tx
from harvester.ledger.tables import actor_runs, leads, sightings
from harvester.ledger.tables import posts as rows

#: Rows with the words that are looked up.
FEW: Final = 500
_INDEX: Final = table("post_search", column("rowid"), column("words"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which posts; None: whichever. `words` and the word that begins with `prefix` must all be held."""

    words: tuple[str, ...] = ()
    prefix: str | None = None
    client_id: str | None = None
    #: A profile URL in its canonical form.
    lead: str | None = None
    client_run_id: str | None = None
    posted_from: datetime | None = None
    #: Before this moment.
    posted_until: datetime | None = None

    @property
    def by_time(self) -> bool:
        """True where the newest posted come first, and not the newest stored."""
        return self.posted_from is not None or self.posted_until is not None

    @property
    def narrowed(self) -> bool:
        """True where more is asked than words."""
        return self.by_time or any((self.client_id, self.lead, self.client_run_id))


@dataclass(frozen=True, slots=True)
class Place:
    """The last post of a page: the next begins behind it."""

    id: int
    posted_at: datetime | None = None


def page(
    tx: Tx, wanted: Wanted, *, limit: int, after: Place | None = None, few: int = FEW
) -> tuple[list[dict[str, Any]], Place | None]:
    """List posts, each with its leads' profile URLs, and where the next page begins."""
    conditions = [*_asked(wanted), *_behind(wanted, after)]
    if wanted.words or wanted.prefix:
        listed = max(few, limit + 1) if wanted.narrowed else limit + 1
        conditions.append(_having_words(tx, wanted, listed, after))
    in_order = (rows.c.posted_at.desc(), rows.c.id.desc()) if wanted.by_time else (rows.c.id.desc(),)
    statement = select(rows.c.id, rows.c.posted_at).where(*conditions).order_by(*in_order).limit(limit + 1)
    found = tx.execute(statement).all()
    last = found[limit - 1] if len(found) > limit else None
    following = Place(last.id, last.posted_at if wanted.by_time else None) if last else None
    return posts.shown(tx, [row.id for row in found[:limit]]), following


def _asked(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.client_id is not None:
        found.append(rows.c.client_id == wanted.client_id)
    if wanted.lead is not None:
        found.append(rows.c.id.in_(_seen_under(wanted)))
    if wanted.client_run_id is not None:
        of_run = actor_runs.c.client_run_id == wanted.client_run_id
        seen = select(sightings.c.post_id).join(actor_runs, actor_runs.c.id == sightings.c.actor_run_id)
        found.append(rows.c.id.in_(seen.where(of_run)))
    if wanted.posted_from is not None:
        found.append(rows.c.posted_at >= wanted.posted_from)
    if wanted.posted_until is not None:
        found.append(rows.c.posted_at < wanted.posted_until)
    return found


def _seen_under(wanted: Wanted) -> Any:
    of_lead = leads.c.profile_url == wanted.lead
    if wanted.client_id is not None:
        of_lead = and_(of_lead, leads.c.client_id == wanted.client_id)
    return select(sightings.c.post_id).join(leads, leads.c.id == sightings.c.lead_id).where(of_lead)


def _behind(wanted: Wanted, after: Place | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    if not wanted.by_time:
        return [rows.c.id < after.id]
    place = tuple_(literal(after.posted_at, rows.c.posted_at.type), literal(after.id, rows.c.id.type))
    return [tuple_(rows.c.posted_at, rows.c.id) < place]


def _having_words(tx: Tx, wanted: Wanted, few: int, after: Place | None) -> ColumnElement[bool]:
    if not tx.on_sqlite:
        asked = " & ".join([f"'{word}'" for word in wanted.words] + _prefixes(wanted, "'{}':*"))
        of_row = func.array_to_tsvector(func.array_remove(func.string_to_array(rows.c.words, " "), ""))
        return of_row.op("@@", is_comparison=True)(bindparam(None, asked, TSQUERY()))
    asked = " AND ".join([f'"{word}"' for word in wanted.words] + _prefixes(wanted, '"{}"*'))
    match = column("post_search").op("MATCH", is_comparison=True)(literal(asked, String()))
    listed = select(_INDEX.c.rowid).where(match).order_by(_INDEX.c.rowid.desc()).limit(few)
    if after is not None and not wanted.by_time:
        listed = listed.where(_INDEX.c.rowid < after.id)
    ids = list(tx.execute(listed).scalars())
    if len(ids) < few or not wanted.narrowed:
        return rows.c.id.in_(ids)
    # The sum keeps SQLite from looking each row of the index up: it goes by what else is asked for.
    return (rows.c.id + 0).in_(select(_INDEX.c.rowid).where(match))


def _prefixes(wanted: Wanted, form: str) -> list[str]:
    return [] if wanted.prefix is None else [form.format(wanted.prefix)]
