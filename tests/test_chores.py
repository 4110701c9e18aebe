"""Chores that are due when there is something to do: taken at once, by one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

import pytest
from factories import FakeClock, opened
from simultaneous import at_once
from sqlalchemy import event

from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, locks
from services.chores import Chore, Chores

MINUTE = timedelta(minutes=1)


def wanted(tx: Tx) -> bool:
    return locks.get(tx, "work") is not None


def give_work(ledger: Ledger, clock: FakeClock) -> None:
    with ledger.write() as tx:
        locks.extend(tx, "work", until=clock(), times=1, reason="")


def no_more_work(ledger: Ledger) -> None:
    with ledger.write() as tx:
        locks.release(tx, "work")


def make(ledger: Ledger, clock: FakeClock, done: list[str], name: str = "one") -> Chores:
    def do() -> None:
        done.append(name)
        no_more_work(ledger)

    return Chores(ledger, {"jobs": Chore(MINUTE, do, at_once=False, when=wanted)}, clock)


def test_a_chore_with_work_is_done_at_once_and_again_as_soon_as_there_is_more(
    ledger: Ledger, clock: FakeClock
) -> None:
    done: list[str] = []
    chores = make(ledger, clock, done)
    for number in range(3):
        assert chores.due() == []
        give_work(ledger, clock)
        assert chores.due() == ["jobs"]
        assert chores.due() == []  # it is being done
        chores("jobs")
        assert len(done) == number + 1


def test_another_process_may_do_what_one_has_found_due(ledger: Ledger, clock: FakeClock) -> None:
    """A queue lies between: whoever does it gives the turn back, and whoever took it later keeps it."""
    done: list[str] = []
    finds, does = make(ledger, clock, done, "finds"), make(ledger, clock, done, "does")
    give_work(ledger, clock)
    assert finds.due() == ["jobs"]
    does("jobs")
    give_work(ledger, clock)
    assert finds.due() == ["jobs"]
    assert done == ["does"]


def test_one_that_dies_over_it_is_followed_when_its_lease_runs_out(ledger: Ledger, clock: FakeClock) -> None:
    done: list[str] = []
    dies, follows = make(ledger, clock, done, "dies"), make(ledger, clock, done, "follows")
    give_work(ledger, clock)
    assert dies.due() == ["jobs"]
    assert follows.due() == []
    clock.advance(minutes=1)
    assert follows.due() == ["jobs"]
    assert dies.due() == []


def test_one_that_was_late_does_not_end_the_turn_of_another(ledger: Ledger, clock: FakeClock) -> None:
    other = Chores(ledger, {"jobs": Chore(MINUTE, lambda: None, when=wanted)}, clock)

    def takes_long() -> None:
        clock.advance(minutes=2)
        assert other.due() == ["jobs"]

    late = Chores(ledger, {"jobs": Chore(MINUTE, takes_long, when=wanted)}, clock)
    give_work(ledger, clock)
    assert late.due() == ["jobs"]
    late("jobs")
    assert late.due() == []


def test_one_that_fails_waits_before_it_is_tried_again(ledger: Ledger, clock: FakeClock) -> None:
    def fails() -> None:
        raise HarvesterError("no luck")

    chores = Chores(ledger, {"jobs": Chore(MINUTE, fails, when=wanted)}, clock)
    give_work(ledger, clock)
    assert chores.due() == ["jobs"]
    chores("jobs")
    assert chores.due() == []
    clock.advance(minutes=1)
    assert chores.due() == ["jobs"]


def found_by(url: str, clock: FakeClock) -> list[str]:
    with opened(url) as ledger:
        return make(ledger, clock, []).due()


def test_of_many_that_look_at_once_one_gets_it(ledger_url: str, clock: FakeClock) -> None:
    with opened(ledger_url) as ledger:
        give_work(ledger, clock)
    found = at_once([partial(found_by, ledger_url, clock)] * 8)
    assert sorted(found) == [[]] * 7 + [["jobs"]]


@pytest.mark.parametrize("others", [0, 20])
def test_a_look_that_finds_nothing_is_one_transaction_that_only_reads(
    ledger: Ledger, clock: FakeClock, others: int
) -> None:
    idle = {f"idle {number}": Chore(MINUTE, lambda: None, when=lambda _tx: False) for number in range(others)}
    chores = Chores(ledger, {"sweep": Chore(MINUTE, lambda: None), **idle}, clock)
    assert chores.due() == ["sweep"]
    with counted(ledger) as transactions:
        assert chores.due() == []
    assert transactions == ["begin"]


@contextmanager
def counted(ledger: Ledger) -> Iterator[list[str]]:
    """Note each transaction that begins, and each one that changes something."""
    seen: list[str] = []
    with ledger.read() as tx:
        engine = tx.connection.engine

    def began(_connection: object) -> None:
        seen.append("begin")

    def ran(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.split()[0].lower() in ("insert", "update", "delete"):
            seen.append(statement)

    event.listen(engine, "begin", began)
    event.listen(engine, "before_cursor_execute", ran)
    try:
        yield seen
    finally:
        event.remove(engine, "begin", began)
        event.remove(engine, "before_cursor_execute", ran)
