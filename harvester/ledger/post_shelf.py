"""A page's posts beside those that the ledger has of them: which item is which post, and what is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select, update

from harvester.ledger import post_counts, post_index, post_merging, post_names
from harvester.ledger.database import Tx
from harvester.ledger.post_known import Found, Known
from harvester.ledger.tables import posts

#: What is read of a post that is known: all but its raw item.
_READ: Final = tuple(column for column in posts.c if column.name != "raw")
#: What never changes once a row is there.
_FIXED: Final = ("id", "client_id", "post_key")


class Shelf:
    """The posts that the items of one page may be, by every number that they are known by.

    Build it once the transaction has passed `post_names.one_at_a_time`.
    """

    def __init__(self, tx: Tx, client_id: str, found: Sequence[Found], *, now: datetime) -> None:
        self._tx = tx
        self._client_id = client_id
        numbers = {number for item in found for number in post_names.of_item(item.post)}
        self._all = _load(tx, client_id, numbers)
        self._by_number = {number: known for known in self._all for number in known.names}
        #: Rows that turned out to be another's post: the younger, and the older that it is part of.
        self._gone: list[tuple[Known, Known]] = []
        self._load_histories(known for known in self._all if known.seen_at > now)

    def place(self, item: Found, told: dict[str, Any]) -> None:
        """Take an item in as whichever post it is, new or not; `told` is what it tells, as columns.

        An item whose names contradict what is known of them goes by its first name alone.
        """
        names = post_names.of_item(item.post)
        ones = self._known_by(names)
        every = post_names.joined([*(one.names for one in ones), names])
        if post_names.contradict(every):
            key = item.post.post_key
            ones = self._known_by([key])
            every = ones[0].names if ones else {key: names[key]}
        if ones:
            known = self._merged(ones)
            known.take(told)
        else:
            known = Known(None, dict(told), {}, history={})
            self._all.append(known)
        known.names = every
        known.lead_ids.add(item.lead_id)
        self._by_number.update(dict.fromkeys(every, known))

    def _known_by(self, numbers: Iterable[str]) -> list[Known]:
        """Give the posts that have any of these numbers, the oldest first; new ones are the youngest."""
        found = {id(one): one for number in numbers if (one := self._by_number.get(number)) is not None}
        if len(found) < 2:
            return list(found.values())
        return sorted(found.values(), key=lambda one: (one.id is None, one.id or self._all.index(one)))

    def _merged(self, ones: Sequence[Known]) -> Known:
        """Make one post of several: the oldest, with all that is known of the others."""
        oldest, *younger = ones
        if younger:
            self._load_histories(ones)
        for other in younger:
            oldest.absorb(other, self._raw_of)
            self._all.remove(other)
            if other.id is not None:
                self._gone.append((other, oldest))
        return oldest

    def _load_histories(self, ones: Iterable[Known]) -> None:
        without = {one.id: one for one in ones if one.id is not None and one.history is None}
        for post_id, history in post_counts.load(self._tx, list(without)).items():
            without[post_id].history = history

    def _raw_of(self, post_id: int) -> bytes:
        found: bytes = self._tx.execute(select(posts.c.raw).where(posts.c.id == post_id)).scalar_one()
        return found

    def save(self) -> list[Known]:
        """Write down what is new or has changed. Gives every post of the page, each with its ID."""
        self._insert([one for one in self._all if one.id is None])
        for younger, older in self._gone:
            post_merging.move(self._tx, younger.row_id, older.row_id)
        self._update([one for one in self._all if one.changed])
        told = [
            (one.row_id, number, kind)
            for one in self._all
            for number, kind in one.names.items()
            if one.saved.get(number) is not kind
        ]
        post_names.save(self._tx, self._client_id, sorted(told, key=lambda row: row[1]))
        post_counts.add(
            self._tx, [(one.row_id, at, counts) for one in self._all for at, counts in one.recorded.items()]
        )
        return self._all

    @property
    def gone(self) -> list[tuple[str, str]]:
        """The keys of the rows that are part of others now, each with that of the other."""
        return [(younger.values["post_key"], older.values["post_key"]) for younger, older in self._gone]

    def _insert(self, new: Sequence[Known]) -> None:
        if not new:
            return
        self._tx.execute(insert(posts), [one.values for one in new])
        by_key = {one.values["post_key"]: one for one in new}
        for part in post_names.parts(by_key):
            these = (posts.c.client_id == self._client_id, posts.c.post_key.in_(part))
            for post_id, key in self._tx.execute(select(posts.c.id, posts.c.post_key).where(*these)):
                by_key[key].id = post_id
                by_key[key].before = by_key[key].values
        post_index.add(self._tx, [one.row_id for one in new])

    def _update(self, changed: Sequence[Known]) -> None:
        if not changed:
            return
        columns = [column.name for column in posts.c if column.name not in _FIXED]
        values = {name: bindparam(f"new_{name}", type_=posts.c[name].type) for name in columns}
        raw = func.coalesce(values.pop("raw"), posts.c.raw)
        statement = update(posts).where(posts.c.id == bindparam("post_id")).values(**values, raw=raw)
        rows = [
            {"post_id": one.id} | {f"new_{name}": one.values.get(name) for name in columns} for one in changed
        ]
        self._tx.execute(statement, sorted(rows, key=lambda row: row["post_id"]))


def _load(tx: Tx, client_id: str, numbers: Iterable[str]) -> list[Known]:
    names = post_names.load(tx, client_id, set(numbers))
    found: list[Known] = []
    for part in post_names.parts(names):
        for row in tx.execute(select(*_READ).where(posts.c.id.in_(part)).order_by(posts.c.id)):
            values = {name: value for name, value in row._mapping.items() if name != "id"}
            saved, known = names[row.id]
            found.append(Known(row.id, values, {**saved, **known}, saved=saved, before=values))
    return found
