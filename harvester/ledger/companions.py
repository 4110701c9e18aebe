"""Comments and reactions, each once per client, with the post that they belong to as soon as it is known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, case, func, select, update

from harvester.ledger import rows
from harvester.ledger.database import Tx
from harvester.ledger.post_names import one_at_a_time
from harvester.ledger.post_tables import companions, post_names
from harvester.ledger.tables import posts
from harvester.models import ActorRun
from harvester.posts import Companion

#: What is always told, and what an item may leave out: that is no word against what is known.
_ALWAYS: Final = ("text", "text_truncated", "raw", "last_seen_at")
_PERHAPS: Final = (
    "post_number",
    "url",
    "reaction",
    "author_name",
    "author_url",
    "author_headline",
    "created_at",
    "likes",
)


@dataclass(frozen=True, slots=True)
class FoundCompanion:
    """A comment or a reaction as an actor run brought it, and the raw item, compressed."""

    companion: Companion
    raw: bytes


def store(tx: Tx, run: ActorRun, found: Sequence[FoundCompanion], *, now: datetime) -> None:
    """Store one page's comments and reactions, each once for the client, with its post where that is stored.

    One that is known takes what was seen last; what is seen now of an earlier time, as in a backfill, fills
    only what is missing. Store the posts of the page first.
    """
    if not found:
        return
    one_at_a_time(tx, run.client_id)  # so that no post is stored, or becomes another's, meanwhile
    in_order = sorted(_once(found), key=lambda one: (one.companion.kind, one.companion.key))
    numbers = {one.companion.post_key for one in in_order if one.companion.post_key is not None}
    known = posts_named(tx, run.client_id, numbers)
    insert = rows.upsert(tx, companions)
    statement = insert.on_conflict_do_update(
        index_elements=["client_id", "kind", "companion_key"], set_=_latest(insert.excluded)
    )
    tx.execute(statement, [_values(run, one, known, now) for one in in_order])


def link(tx: Tx, client_id: str, ids: Mapping[str, int]) -> None:
    """Give those that came before their post its ID; `ids` are posts' IDs by every number they are known by.

    For a transaction that has passed `post_names.one_at_a_time`.
    """
    unlinked = (companions.c.client_id == client_id, companions.c.post_id.is_(None))
    if not ids or tx.execute(select(companions.c.id).where(*unlinked).limit(1)).first() is None:
        return
    theirs = select(companions.c.id, companions.c.post_number).where(
        *unlinked, rows.among(tx, companions.c.post_number, ids)
    )
    in_order = tx.execute(theirs.order_by(companions.c.id))
    found = [{"its_id": row.id, "its_post": ids[row.post_number or ""]} for row in in_order]
    if found:
        linked = update(companions).where(companions.c.id == bindparam("its_id"))
        tx.execute(linked.values(post_id=bindparam("its_post")), found)


def posts_named(tx: Tx, client_id: str, numbers: Collection[str]) -> dict[str, int]:
    """Give the IDs of a client's posts by those of the numbers that they are known by."""
    found: dict[str, int] = {}
    named = select(post_names.c.number, post_names.c.post_id).where(
        post_names.c.client_id == client_id, rows.among(tx, post_names.c.number, numbers)
    )
    keyed = select(posts.c.post_key, posts.c.id).where(
        posts.c.client_id == client_id, rows.among(tx, posts.c.post_key, numbers)
    )
    for statement in (named, keyed):
        found.update((number, post_id) for number, post_id in tx.execute(statement))
    return found


def _once(found: Sequence[FoundCompanion]) -> list[FoundCompanion]:
    """Leave out what a page tells twice in the same words: within its post, and as an item of its own."""
    told: dict[Companion, FoundCompanion] = {}
    for one in found:
        words = replace(one.companion, item=None)
        told.pop(words, None)  # so that the last word stays the last
        told[words] = one
    return list(told.values())


def _latest(new: Any) -> dict[str, ColumnElement[Any]]:
    """Say in SQL what becomes of one that is known: whoever linked it first, and merged posts, are right."""
    old = companions.c
    is_later = new.last_seen_at >= old.last_seen_at
    told = {name: case((is_later, new[name]), else_=old[name]) for name in _ALWAYS}
    for name in _PERHAPS:
        either = (func.coalesce(new[name], old[name]), func.coalesce(old[name], new[name]))
        told[name] = case((is_later, either[0]), else_=either[1])
    return {**told, "post_id": func.coalesce(old.post_id, new.post_id)}


def _values(run: ActorRun, one: FoundCompanion, known: Mapping[str, int], now: datetime) -> dict[str, Any]:
    told = one.companion
    return {
        "client_id": run.client_id,
        "kind": told.kind,
        "companion_key": told.key,
        "post_id": None if told.post_key is None else known.get(told.post_key),
        "post_number": told.post_key,
        "url": told.url,
        "text": told.text,
        "text_truncated": told.text_truncated,
        "reaction": told.reaction,
        "author_name": told.author.name,
        "author_url": told.author.url,
        "author_headline": told.headline,
        "created_at": told.created_at,
        "likes": told.likes,
        "raw": one.raw,
        "first_actor_run_id": run.id,
        "first_seen_at": now,
        "last_seen_at": now,
    }
