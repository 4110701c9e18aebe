"""Rows that go to the driver as they are: the same as through SQLAlchemy, with every rule of the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta, timezone
from typing import Any

import pytest
from factories import NOW, make_client, make_leads, make_run, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, bulk, rows
from harvester.ledger.tables import posts, rejects

COLUMNS = tuple(column.name for column in posts.c)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
moments = st.integers(-(10**15), 10**15).map(lambda micros: NOW + timedelta(microseconds=micros))
moments |= moments.map(lambda moment: moment.astimezone(timezone(timedelta(hours=1))))
ODD = ("a", "", "'", '"', "é", "\\", "%s", ":x", "[", "😀")
PLAIN: dict[str, Any] = {
    "client_id": "Guy-Wilson",
    "kind": "original",
    "form": "text",
    "text_truncated": False,
    "images": [],
    "extras": {},
    "raw": b"",
    "first_actor_run_id": 1,
    "first_client_run_id": "x",
    "first_seen_at": NOW,
    "last_seen_at": NOW,
    "words": "",
}


class Undo(Exception):
    """Ends a transaction of which nothing is to be kept."""


@contextmanager
def undone(ledger: Ledger) -> Iterator[Tx]:
    """Open a transaction that leaves nothing behind."""
    with suppress(Undo), ledger.write() as tx:
        yield tx
        raise Undo


@st.composite
def posts_with_odd_values(draw: st.DrawFn) -> dict[str, Any]:
    """Give a post's columns, but its key."""
    counts = st.none() | st.integers(0, 2**60)
    return PLAIN | {
        "url": draw(st.none() | texts),
        "text": draw(texts),
        "text_truncated": draw(st.booleans()),
        "posted_at": draw(st.none() | moments),
        "posted_precision": None,
        "author_name": draw(st.none() | texts),
        "author_url": None,
        "likes": draw(counts),
        "comments": draw(counts),
        "reposts": None,
        "images": draw(st.lists(json_values, max_size=2)),
        "extras": draw(st.dictionaries(texts, json_values, max_size=2)),
        "raw": draw(st.binary(max_size=40)),
        "first_seen_at": draw(moments),
        "words": draw(texts),
    }


@on_one_ledger
@given(many=st.lists(posts_with_odd_values(), min_size=1, max_size=5))
def test_rows_are_the_same_as_through_sqlalchemy(ledger: Ledger, many: list[dict[str, Any]]) -> None:
    with undone(ledger) as tx:
        ids = bulk.new_ids(tx, posts, len(many))
        assert sorted(set(ids)) == list(ids)
        ours = [one | {"id": at, "post_key": f"ours {at}"} for at, one in zip(ids, many, strict=True)]
        bulk.insert(tx, posts, COLUMNS, [[one.get(name) for name in COLUMNS] for one in ours])
        tx.execute(
            insert(posts),
            [dict.fromkeys(COLUMNS[1:]) | one | {"post_key": f"theirs {at}"} for at, one in enumerate(many)],
        )
        found = list(tx.execute(select(posts).order_by(posts.c.id)))
    told = [
        [value for name, value in one._mapping.items() if name not in ("id", "post_key")] for one in found
    ]
    assert told[: len(many)] == told[len(many) :]
    assert [one.id for one in found[: len(many)]] == list(ids)


def test_a_row_that_is_there_already_undoes_the_transaction_and_no_more(ledger: Ledger) -> None:
    make_client(ledger)
    (run,) = make_run(ledger, [make_leads(ledger, count=1)])
    columns = ("actor_run_id", "position", "reason", "detail")
    row = (run.id, 0, "no_id", "a detail")
    with pytest.raises(IntegrityError), ledger.write() as tx:
        bulk.insert(tx, rejects, columns, [row, (run.id, 1, "no_id", "another"), row])
    with ledger.write() as tx:
        assert tx.execute(select(rejects)).all() == []
        bulk.insert(tx, rejects, columns, [])
        bulk.insert(tx, rejects, columns, [row])
    with ledger.read() as tx:
        assert tx.execute(select(rejects.c.detail)).scalars().all() == ["a detail"]


def test_a_server_that_goes_away_in_the_middle_is_not_available(postgres_ledger: Ledger) -> None:
    make_client(postgres_ledger)
    (run,) = make_run(postgres_ledger, [make_leads(postgres_ledger, count=1)])

    rows_of_it = [(run.id, position, "no_id", "a detail") for position in range(3)]

    def write_while_it_goes_away() -> None:
        with postgres_ledger.write() as tx:
            (pid,) = tx.connection.exec_driver_sql("select pg_backend_pid()").one()
            with postgres_ledger.write() as other:
                other.connection.exec_driver_sql(f"select pg_terminate_backend({pid}, 5000)")
            bulk.insert(tx, rejects, ("actor_run_id", "position", "reason", "detail"), rows_of_it)

    with pytest.raises(LedgerUnavailable):
        write_while_it_goes_away()
    with postgres_ledger.read() as tx:
        assert tx.execute(select(rejects)).all() == []


@on_one_ledger
@given(
    numbers=st.lists(st.integers(1, 9), unique=True, max_size=9),
    names=st.lists(st.sampled_from(ODD), unique=True),
)
def test_among_is_what_in_is(ledger: Ledger, numbers: list[int], names: list[str]) -> None:
    with undone(ledger) as tx:
        new = [PLAIN | {"id": at, "post_key": text, "text": text} for at, text in enumerate(ODD, 1)]
        tx.execute(insert(posts), new)
        for column, values in ((posts.c.id, numbers), (posts.c.text, names)):
            among = tx.execute(select(posts.c.id).where(rows.among(tx, column, values)).order_by(posts.c.id))
            within = tx.execute(select(posts.c.id).where(column.in_(values)).order_by(posts.c.id))
            assert among.scalars().all() == within.scalars().all()
