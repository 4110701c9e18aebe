"""Locks that run out: one holder at a time, whoever asks, however many at once."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from factories import NOW, FakeClock, opened
from simultaneous import at_once

from harvester.errors import HarvesterError
from harvester.ledger import Ledger, locks
from services.chores import Chore, Chores

MINUTE = timedelta(minutes=1)


def taken(url: str, minutes: int) -> bool:
    with opened(url) as ledger, ledger.write() as tx:
        now = NOW + minutes * MINUTE
        return locks.take(tx, "it", now=now, until=now + MINUTE)


def test_of_many_at_once_one_takes_it_each_time_it_runs_out(ledger_url: str) -> None:
    for minutes in range(3):
        assert at_once([partial(taken, ledger_url, minutes)] * 8).count(True) == 1


def test_what_is_held_is_told_until_it_runs_out(ledger: Ledger) -> None:
    with ledger.write() as tx:
        locks.take(tx, "a", now=NOW, until=NOW + MINUTE)
        locks.extend(tx, "b", until=NOW + 2 * MINUTE, times=3, reason="because")
    with ledger.read() as tx:
        assert locks.held(tx, ["a", "b", "c"], now=NOW) == {"a", "b"}
        assert locks.held(tx, ["a", "b", "c"], now=NOW + MINUTE) == {"b"}
        assert locks.get(tx, "b") == locks.Lock("b", NOW + 2 * MINUTE, 3, "because")
    with ledger.write() as tx:
        locks.release(tx, "b")
        assert locks.get(tx, "b") is None


def test_a_chore_is_done_by_one_process_each_time(ledger: Ledger, clock: FakeClock) -> None:
    done: list[int] = []
    both = [
        Chores(ledger, {"sweep": Chore(MINUTE, lambda number=number: done.append(number))}, clock)  # type: ignore[misc]
        for number in range(2)
    ]
    for _ in range(3):
        for _ in range(2):
            for chores in both:
                for name in chores.due():
                    chores(name)
        clock.advance(minutes=1)
    assert len(done) == 3
    with ledger.write() as tx:
        both[1].ask(tx, "sweep")
    assert both[0].due() == ["sweep"]


def test_a_chore_that_fails_is_said_so_and_comes_again(
    ledger: Ledger, clock: FakeClock, lines: pytest.LogCaptureFixture
) -> None:
    def fails() -> None:
        raise HarvesterError("no luck")

    chores = Chores(ledger, {"sweep": Chore(MINUTE, fails), "worse": Chore(MINUTE, lambda: 1 / 0)}, clock)
    assert chores.due() == ["sweep", "worse"]
    chores("sweep")
    chores("worse")
    text = lines.text
    assert "Sweep came to nothing this time: no luck" in text
    assert "ZeroDivisionError" in text
    assert chores.due() == []
    clock.advance(minutes=1)
    assert chores.due() == ["sweep", "worse"]
