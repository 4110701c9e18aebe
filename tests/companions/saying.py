"""Invented comments and reactions, and posts of several numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from factories import NOW, found, make_post
from sqlalchemy import select

from harvester.ledger import Ledger, companions, posts, tables
from harvester.ledger.companions import FoundCompanion
from harvester.ledger.post_tables import companions as table
from harvester.models import ActorRun, Lead
from harvester.posts import Author, Companion, CompanionKind, NameKind

POST = "7329207003942125568"
#: The same post as a ugcPost.
ALIAS = "7329207002977443840"
COMMENT = CompanionKind.COMMENT
REACTION = CompanionKind.REACTION


def comment(key: str = "7331415234328371202", **changes: Any) -> Companion:
    """Give a comment."""
    made = Companion(
        COMMENT,
        POST,
        key,
        author=Author("Björn Haddad", "https://www.linkedin.com/in/björn-haddad"),
        headline="Vans",
        text="One van was enough for us.",
        created_at=NOW,
        likes=2,
        url=f"https://www.linkedin.com/feed/update/urn:li:activity:{POST}?commentUrn={key}",
    )
    return replace(made, **changes)


def reaction(key: str = "urn:li:fsd_reaction:(urn:li:fsd_profile:ACoA1,0)", **changes: Any) -> Companion:
    """Give a reaction."""
    who = Author("Elif Petrova", "https://www.linkedin.com/in/elif-petrova")
    return replace(Companion(REACTION, POST, key, author=who, reaction="LIKE"), **changes)


def say(ledger: Ledger, run: ActorRun, *said: Companion, at: datetime = NOW, raw: bytes = b"raw") -> None:
    """Store them as one page of this actor run."""
    with ledger.write() as tx:
        companions.store(tx, run, [FoundCompanion(one, raw) for one in said], now=at)


def publish(
    ledger: Ledger, run: ActorRun, lead: Lead, activity: str | None = POST, ugc: str | None = ALIAS
) -> None:
    """Store a post as an actor run brings it, which tells these numbers of it."""
    both = ((NameKind.ACTIVITY, activity), (NameKind.UGC_POST, ugc))
    names = tuple((kind, number) for kind, number in both if number is not None)
    with ledger.write() as tx:
        posts.store(tx, run, [found(make_post(names[0][1], names=names), lead)], now=NOW)


def posts_by_key(ledger: Ledger) -> Mapping[str, int]:
    """Give the IDs of all posts by their keys."""
    with ledger.read() as tx:
        return {
            row.post_key: row.id for row in tx.execute(select(tables.posts.c.post_key, tables.posts.c.id))
        }


def stored(ledger: Ledger, **of: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Give the rows by kind and key."""
    which = [table.c[name] == value for name, value in of.items()]
    with ledger.read() as tx:
        rows = [dict(row) for row in tx.execute(select(table).where(*which)).mappings()]
    return {(row["kind"], row["companion_key"]): row for row in rows}
