"""Slots and the meter: moments that belong to one request each, and requests counted by base and month."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import partial

from factories import NOW, on_one_ledger, opened
from hypothesis import given
from hypothesis import strategies as st
from simultaneous import at_once

from harvester.ledger import Ledger, airtable_meter, airtable_slots, airtable_tables
from harvester.ledger.airtable_meter import Count

BASE = "appAAAAAAAAAAAAAA"
GAP = timedelta(milliseconds=222)
TOKEN_GAP = timedelta(milliseconds=22)


def taken(ledger: Ledger, base: str, now: datetime) -> datetime:
    with ledger.write() as tx:
        slot = airtable_slots.made(tx, base, now=now)
        return airtable_slots.take(tx, slot, now=now, base_gap=GAP, token_gap=TOKEN_GAP)


def apart(moments: list[datetime], gap: timedelta) -> bool:
    ordered = sorted(moments)
    return all(later - earlier >= gap for earlier, later in itertools.pairwise(ordered))


class TestSlots:
    @given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 300)), max_size=25))
    @on_one_ledger
    def test_no_two_are_nearer_than_the_gaps_whoever_asks_and_when(
        self, ledger: Ledger, asked: list[tuple[str, int]]
    ) -> None:
        with ledger.write() as tx:
            tx.execute(airtable_tables.airtable_slots.delete())
        now = NOW
        found = defaultdict(list)
        for base, milliseconds in asked:
            now += timedelta(milliseconds=milliseconds)
            moment = taken(ledger, base, now)
            assert moment >= now
            found[base].append(moment)
        assert all(apart(moments, GAP) for moments in found.values())
        assert apart([moment for moments in found.values() for moment in moments], TOKEN_GAP)

    def test_of_many_at_once_each_has_its_own(self, ledger_url: str) -> None:
        def ask() -> datetime:
            with opened(ledger_url) as ledger:
                return taken(ledger, BASE, NOW)

        assert sorted(at_once([ask] * 8)) == [NOW + number * GAP for number in range(8)]

    def test_a_base_that_was_not_asked_for_long_saves_nothing_up(self, ledger: Ledger) -> None:
        assert taken(ledger, BASE, NOW) == NOW
        later = NOW + timedelta(hours=1)
        assert [taken(ledger, BASE, later) for _ in range(3)] == [later, later + GAP, later + 2 * GAP]

    def test_a_moment_from_a_clock_that_was_put_back_holds_nobody_up(self, ledger: Ledger) -> None:
        taken(ledger, BASE, NOW + timedelta(hours=1))
        assert taken(ledger, BASE, NOW) == NOW
        assert taken(ledger, BASE, NOW) == NOW + GAP

    def test_what_is_left_alone_is_told_with_the_reason(self, ledger: Ledger) -> None:
        until = NOW + timedelta(seconds=30)
        with ledger.write() as tx:
            for base in ("appB", "appA", "appC"):
                slot = airtable_slots.made(tx, base, now=NOW)
                airtable_slots.block(tx, slot, until=until, reason=f"of {base}", failures=2)
            airtable_slots.unblock(tx, slot)
        with ledger.read() as tx:
            found = [(slot.base, slot.reason, slot.out) for slot in airtable_slots.blocked(tx, now=NOW)]
            assert airtable_slots.blocked(tx, now=until) == []
        assert found == [("appA", "of appA", True), ("appB", "of appB", True)]


class TestMeter:
    def test_each_base_and_month_is_counted_by_itself(self, ledger: Ledger) -> None:
        last, first = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
        with ledger.write() as tx:
            for base, moment in ((BASE, last), (BASE, last), (BASE, first), ("appB", first)):
                airtable_meter.count(tx, base, now=moment)
            airtable_meter.refused(tx, BASE, now=last)
        with ledger.read() as tx:
            assert airtable_meter.calls(tx, "2026-11") == {BASE: Count(2, 1)}
            assert airtable_meter.calls(tx, "2026-12") == {BASE: Count(1, 0), "appB": Count(1, 0)}
            assert airtable_meter.calls(tx, "2027-01") == {}

    def test_none_is_lost_when_many_count_at_once(self, ledger_url: str) -> None:
        def count(number: int) -> None:
            with opened(ledger_url) as ledger:
                for _ in range(5):
                    with ledger.write() as tx:
                        airtable_meter.count(tx, BASE, now=NOW)
                        if number == 0:
                            airtable_meter.refused(tx, BASE, now=NOW)

        at_once([partial(count, number) for number in range(6)])
        with opened(ledger_url) as ledger, ledger.read() as tx:
            assert airtable_meter.calls(tx, airtable_meter.month_of(NOW)) == {BASE: Count(30, 5)}
