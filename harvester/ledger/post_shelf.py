"""A page's posts beside those that the ledger has of them: which item is which post, and what is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from harvester.ledger import bulk, post_counts, post_index, post_merging, post_names, post_naming, rows
from harvester.ledger.database import Tx
from harvester.ledger.post_known import Found, Known, of_page, told_by
from harvester.ledger.post_naming import One
from harvester.ledger.tables import posts
from harvester.models import ActorRun

#: What is read of a post that is known: all but its raw item.
_READ: Final = tuple(column for column in posts.c if column.name != "raw")
#: What a new row has beside its ID.
_COLUMNS: Final = tuple(column.name for column in posts.c if column.name != "id")
_values_of: Final = itemgetter(*_COLUMNS)
#: What never changes once a row is there.
_FIXED: Final = ("id", "client_id", "post_key")


class Shelf:
    """The posts that the items of one page are: `all` of them, new or known, as they are to be from now on.

    Building it writes nothing. One that is to be saved is built once the transaction has passed
    `post_names.one_at_a_time`. Which post each item is gets settled for the whole page first; what it tells
    is taken after, so that a page read again finds everything as it left it.
    """

    def __init__(self, tx: Tx, run: ActorRun, found: Sequence[Found], *, now: datetime) -> None:
        self._tx = tx
        self._client_id = run.client_id
        names = [post_names.of_item(item.post) for item in found]
        rows = _load(tx, run.client_id, {number for some in names for number in some})
        ones = post_naming.settled(rows, names)
        #: Rows that turned out to be another's post: the younger, and the older that it is part of.
        self._gone: list[tuple[Known, Known]] = []
        self._load_histories(row for one in ones for row in one.rows if len(one.rows) > 1 or _newer(row, now))
        by_number = {number: at for at, one in enumerate(ones) for number in one.names}
        of_one: list[list[Found]] = [[] for _ in ones]
        for item in found:
            of_one[by_number[item.post.post_key]].append(item)
        self.all: list[Known] = [
            self._as_it_will_be(one, [told_by(run, item, now) for item in items], items)
            for one, items in zip(ones, of_one, strict=True)
        ]

    def _as_it_will_be(self, one: One, told: Sequence[dict[str, Any]], items: Sequence[Found]) -> Known:
        known = self._merged(one.rows)
        if told:
            whole = of_page(told)
            if known is None:
                known = Known(None, whole, {}, history={})
            else:
                known.take(whole)
        if known is None:
            raise ValueError("a post of which there is neither a row nor an item")
        known.names = one.names
        known.lead_ids = {item.lead_id for item in items}
        return known

    def _merged(self, rows: Sequence[Known]) -> Known | None:
        """Make one post of several rows: the oldest, with all that is known of the others."""
        if not rows:
            return None
        oldest, *younger = sorted(rows, key=lambda row: row.row_id)
        for other in younger:
            oldest.absorb(other, self._raw_of)
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
        self._insert([one for one in self.all if one.id is None])
        for younger, older in self._gone:
            post_merging.move(self._tx, younger.row_id, older.row_id)
        self._update([one for one in self.all if one.changed])
        told = [
            (one.row_id, number, kind)
            for one in self.all
            for number, kind in one.names.items()
            if one.saved.get(number) is not kind
        ]
        post_names.save(self._tx, self._client_id, sorted(told, key=lambda row: row[1]))
        post_counts.add(
            self._tx, [(one.row_id, at, counts) for one in self.all for at, counts in one.recorded.items()]
        )
        return self.all

    @property
    def gone(self) -> list[tuple[str, str]]:
        """The keys of the rows that are part of others now, each with that of the other."""
        return [(younger.values["post_key"], older.values["post_key"]) for younger, older in self._gone]

    def _insert(self, new: Sequence[Known]) -> None:
        if not new:
            return
        for one, row_id in zip(new, bulk.new_ids(self._tx, posts, len(new)), strict=True):
            one.id, one.is_new, one.before, one.saved = row_id, True, one.values, one.names
        rows = [(one.id, *_values_of(one.values)) for one in new]
        bulk.insert(self._tx, posts, ("id", *_COLUMNS), rows)
        post_index.add(self._tx, [(one.row_id, one.values["words"]) for one in new])
        names = [(one.row_id, number, kind) for one in new for number, kind in one.names.items()]
        post_names.insert(self._tx, self._client_id, names)

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


def _newer(row: Known, now: datetime) -> bool:
    return row.counted_at > now


def _load(tx: Tx, client_id: str, numbers: Iterable[str]) -> list[Known]:
    names = post_names.load(tx, client_id, set(numbers))
    if not names:
        return []
    found: list[Known] = []
    these = select(*_READ).where(rows.among(tx, posts.c.id, names))
    for row in tx.execute(these.order_by(posts.c.id)):
        values = {name: value for name, value in row._mapping.items() if name != "id"}
        saved, known = names[row.id]
        found.append(Known(row.id, values, {**saved, **known}, saved=saved, before=values))
    return found
