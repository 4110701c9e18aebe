"""Comments and reactions as people ask for them: in pages, and those of one post."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, and_, func, or_, select

from harvester.ledger.database import Tx
from harvester.ledger.post_tables import companions, post_names
from harvester.ledger.tables import actor_runs, posts
from harvester.posts import CompanionKind

_SHOWN: Final = tuple(column for column in companions.c if column.name != "raw")

Rows = list[dict[str, Any]]


def page(
    tx: Tx,
    kind: CompanionKind,
    *,
    limit: int,
    before: int | None = None,
    client_id: str | None = None,
    post_key: str | None = None,
) -> tuple[Rows, int | None]:
    """List them, newest stored first, and give the next page's cursor.

    `post_key` is any number that a post is known by; it narrows to those of that post, and to those that came
    with that number while there is no such post. Each row has `post_key`, None where there is no post, and
    the `apify_run_id` of the actor run that brought it first.
    """
    wanted: list[ColumnElement[bool]] = [companions.c.kind == kind]
    if before is not None:
        wanted.append(companions.c.id < before)
    if post_key is not None:
        wanted.append(_of_number(tx, client_id, post_key))
    elif client_id is not None:
        wanted.append(companions.c.client_id == client_id)
    statement = _rows().where(*wanted).order_by(companions.c.id.desc()).limit(limit + 1)
    found = [dict(row._mapping) for row in tx.execute(statement)]
    return found[:limit], found[limit - 1]["id"] if len(found) > limit else None


def of_post(tx: Tx, post_id: int, kind: CompanionKind, *, limit: int) -> tuple[Rows, int]:
    """Give the newest of one post, by their own time where that is told, and how many there are."""
    these = (companions.c.post_id == post_id, companions.c.kind == kind)
    made = func.coalesce(companions.c.created_at, companions.c.first_seen_at)
    newest = _rows().where(*these).order_by(made.desc(), companions.c.id.desc()).limit(limit)
    how_many = select(func.count()).select_from(companions).where(*these)
    return [dict(row._mapping) for row in tx.execute(newest)], tx.execute(how_many).scalar_one()


def _rows() -> Select[Any]:
    joined = companions.outerjoin(posts, posts.c.id == companions.c.post_id).outerjoin(
        actor_runs, actor_runs.c.id == companions.c.first_actor_run_id
    )
    return select(*_SHOWN, posts.c.post_key, actor_runs.c.apify_run_id).select_from(joined)


def _of_number(tx: Tx, client_id: str | None, number: str) -> ColumnElement[bool]:
    """Narrow to the posts that a number names: with another client there may be one as well."""
    keyed = select(posts.c.id).where(posts.c.post_key == number, *_of_client(posts, client_id))
    named = select(post_names.c.post_id).where(
        post_names.c.number == number, *_of_client(post_names, client_id)
    )
    ids = sorted({*tx.execute(keyed).scalars(), *tx.execute(named).scalars()})
    theirs = _of_client(companions, client_id)
    waiting = and_(companions.c.post_id.is_(None), companions.c.post_number == number, *theirs)
    # The client within each: SQLite would else go through all of that client's.
    return or_(and_(companions.c.post_id.in_(ids), *theirs), waiting) if ids else waiting


def _of_client(table: Table, client_id: str | None) -> list[ColumnElement[bool]]:
    return [] if client_id is None else [table.c.client_id == client_id]
