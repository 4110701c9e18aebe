"""The names of posts: every number that one is known by, and as what. Its key is among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import select

from harvester.ledger import bulk, rows
from harvester.ledger.database import Tx
from harvester.ledger.post_tables import post_names
from harvester.ledger.tables import posts
from harvester.posts import NameKind, Post

#: Of these LinkedIn gives a post one at the most.
_UNIQUE: Final = frozenset({NameKind.ACTIVITY, NameKind.UGC_POST, NameKind.SHARE})
#: Numbers, each with what it is known to be.
Names = dict[str, NameKind]


def of_item(post: Post) -> Names:
    """Give the names that an item tells, its first one first; the same number twice is one."""
    if len(post.names) == 1 and post.names[0][1] == post.post_key:
        return {post.post_key: post.names[0][0]}
    first = next((kind for kind, number in post.names if number == post.post_key), NameKind.OWN)
    return joined([{post.post_key: first}, *({number: kind} for kind, number in post.names)])


def joined(told: Iterable[Mapping[str, NameKind]]) -> Names:
    """Put names together. Of two words about one number the more exact one counts, else the first.

    That a number is a repost's is the most exact: seen alone, a repost looks like any activity.
    """
    names: Names = {}
    for some in told:
        for number, kind in some.items():
            if number not in names or _exactness(kind) > _exactness(names[number]):
                names[number] = kind
    return names


def contradict(names: Names) -> bool:
    """Say whether these cannot be the names of one post."""
    return len(names) > 1 and any(
        count > 1 for kind, count in Counter(names.values()).items() if kind in _UNIQUE
    )


def _exactness(kind: NameKind) -> int:
    return 2 if kind is NameKind.REPOST else int(kind in _UNIQUE)


def one_at_a_time(tx: Tx, client_id: str) -> None:
    """Let one transaction at a time store posts of a client: two that know a post by other names would clash.

    It holds until the transaction's end. What stores with a post's ID must have passed here as well: the
    post could be merged into another meanwhile.
    """
    tx.exclusively(f"posts:{client_id}")


def load(tx: Tx, client_id: str, numbers: Collection[str]) -> dict[int, tuple[Names, Names]]:
    """Give each post that is known by any of these numbers, by its ID: all its names, and its key if that is
    none of them, as of posts that were stored before there were names.
    """
    found: dict[int, tuple[Names, Names]] = {}
    named, every = post_names.alias("named"), post_names.alias("every_name")
    statement = (
        select(every.c.post_id, every.c.number, every.c.kind)
        .join(named, named.c.post_id == every.c.post_id)
        .where(named.c.client_id == client_id)
        .distinct()
    )
    for post_id, number, kind in tx.execute(statement.where(rows.among(tx, named.c.number, numbers))):
        found.setdefault(post_id, ({}, {}))[0][number] = NameKind(kind)
    missing = set(numbers) - {number for names, _ in found.values() for number in names}
    keyed = select(posts.c.id, posts.c.post_key).where(posts.c.client_id == client_id)
    for post_id, key in tx.execute(keyed.where(rows.among(tx, posts.c.post_key, missing))):
        found.setdefault(post_id, ({}, {}))[1][key] = NameKind.OWN
    return found


def save(tx: Tx, client_id: str, told: Collection[tuple[int, str, NameKind]]) -> None:
    """Write down that posts have these names."""
    if not told:
        return
    insert = rows.upsert(tx, post_names)
    replaced = {name: insert.excluded[name] for name in ("post_id", "kind")}
    statement = insert.on_conflict_do_update(index_elements=["client_id", "number"], set_=replaced)
    columns = ("post_id", "number", "kind")
    tx.execute(statement, [{"client_id": client_id, **dict(zip(columns, one, strict=True))} for one in told])


def insert(tx: Tx, client_id: str, told: Collection[tuple[int, str, NameKind]]) -> None:
    """Write down the names of posts that are new."""
    new = [(client_id, number, post_id, kind.value) for post_id, number, kind in told]
    bulk.insert(tx, post_names, ("client_id", "number", "post_id", "kind"), new)


def of_posts(tx: Tx, post_ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    """Give kind and number of each of the names of these posts, in one order."""
    found: dict[int, list[tuple[str, str]]] = {post_id: [] for post_id in post_ids}
    statement = select(post_names).where(rows.among(tx, post_names.c.post_id, found))
    for row in tx.execute(statement.order_by(post_names.c.kind, post_names.c.number)):
        found[row.post_id].append((row.kind, row.number))
    return found
