"""Alerts: each matter once until it is over, however often it comes up, and none lost."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from alert_receiver import Receiver
from factories import FakeClock, on_one_ledger
from hypothesis import given
from hypothesis import strategies as st

from harvester.ledger import Ledger, alerts
from services.alerts import Alerts, NotTold, Standing, over, raise_alert

DAY = timedelta(days=1)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def bring_up(ledger: Ledger, clock: FakeClock, text: str = "the cap is reached") -> None:
    with ledger.write() as tx:
        raise_alert(tx, "airtable cap", text, now=clock())


def test_a_matter_is_told_once_a_day_with_its_latest_words(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            bring_up(ledger, clock)
        bring_up(ledger, clock, "the cap is still reached")
        tell()
        tell()
        clock.advance(hours=23)
        bring_up(ledger, clock)
        tell()
        assert receiver.told == ["the cap is still reached (since 2026-11-22 05:00 UTC)"]
        clock.advance(hours=2)
        bring_up(ledger, clock)
        tell()
    assert len(receiver.told) == 2
    assert len(caplog.records) == 2


def test_an_alert_that_nobody_took_is_told_later(ledger: Ledger, receiver: Receiver) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    bring_up(ledger, clock)
    receiver.status = 500
    with pytest.raises(NotTold):
        tell()
    receiver.status = 200
    tell()
    tell()
    assert len(receiver.told) == 2


def test_what_is_undone_is_no_alert(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ZeroDivisionError):
        _undone(ledger)
    with ledger.read() as tx:
        assert alerts.untold(tx, limit=10) == []
    assert not caplog.records


def _undone(ledger: Ledger) -> None:
    with ledger.write() as tx:
        raise_alert(tx, "airtable cap", "the cap is reached", now=FakeClock()())
        raise ZeroDivisionError


def test_without_services_the_log_is_told_and_nothing_waits(ledger: Ledger) -> None:
    clock = FakeClock()
    bring_up(ledger, clock)
    Alerts(ledger, [], clock)()
    with ledger.read() as tx:
        assert alerts.untold(tx, limit=10) == []
        assert [alert.times for alert in alerts.latest(tx, limit=10)] == [1]


@dataclass
class Matter:
    """What the rules say of one matter."""

    first_at: datetime
    over_at: datetime | None
    told_at: datetime | None = None

    def stands(self, now: datetime) -> bool:
        return self.over_at is None or self.over_at > now


class Rules:
    """The rules of alerts in plain words: what is to be told when, and what stands."""

    def __init__(self) -> None:
        self.matters: dict[str, Matter] = {}

    def raised(self, key: str, now: datetime, again_after: timedelta | None) -> None:
        over_at = None if again_after is None else now + again_after
        matter = self.matters.get(key)
        if matter is None or not matter.stands(now):
            self.matters[key] = Matter(now, over_at)
            return
        matter.over_at = over_at
        if again_after is not None and matter.told_at is not None and now - matter.told_at > again_after:
            matter.told_at = None

    def over(self, key: str, now: datetime) -> None:
        matter = self.matters.get(key)
        if matter is not None and matter.stands(now):
            matter.over_at = now

    def told(self, now: datetime) -> set[str]:
        untold = {key: one for key, one in self.matters.items() if one.told_at is None}
        for one in untold.values():
            one.told_at = now
        return {f"{key} (since {one.first_at:%Y-%m-%d %H:%M} UTC)" for key, one in untold.items()}


#: An event is over by itself when it has not come up for a day; a state stands until it is said to be over.
KEYS = {"event one": DAY, "event two": DAY, "state one": None, "state two": None}
STEPS = st.lists(
    st.tuples(st.sampled_from(["raise", "raise", "over", "tell", "wait"]), st.sampled_from(sorted(KEYS))),
    max_size=30,
)
_examples = itertools.count()


@on_one_ledger
@given(steps=STEPS, hours=st.lists(st.integers(1, 40), min_size=30, max_size=30))
def test_each_change_of_state_is_told_once(
    ledger: Ledger, receiver: Receiver, steps: list[tuple[str, str]], hours: list[int]
) -> None:
    clock, rules, example = FakeClock(), Rules(), next(_examples)
    tell = Alerts(ledger, [receiver.url], clock)
    for (step, name), wait in zip(steps, hours, strict=False):
        key = f"{name} of {example}"
        if step == "raise":
            with ledger.write() as tx:
                raise_alert(tx, key, key, now=clock(), again_after=KEYS[name])
            rules.raised(key, clock(), KEYS[name])
        elif step == "over":
            with ledger.write() as tx:
                over(tx, key, clock())
            rules.over(key, clock())
        elif step == "wait":
            clock.advance(hours=wait)
        else:
            assert newly_told(receiver, tell) == rules.told(clock())
    assert newly_told(receiver, tell) == rules.told(clock())
    rows, cursor = Standing(ledger, clock).page(limit=1_000)
    ours = {alert.key for alert in rows if alert.key.endswith(f" of {example}")}
    assert ours == {key for key, one in rules.matters.items() if one.stands(clock())}
    assert cursor is None


def newly_told(receiver: Receiver, tell: Alerts) -> set[str]:
    before = len(receiver.told)
    tell()
    assert len(receiver.told) <= before + 1
    return {line for message in receiver.told[before:] for line in message.split("\n")}


def test_many_are_told_in_one_message(ledger: Ledger, receiver: Receiver) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    with ledger.write() as tx:
        for number in range(23):
            raise_alert(tx, f"matter {number:02}", f"matter {number:02}", now=clock.advance(seconds=1))
    tell()
    tell()
    (message,) = receiver.told
    lines = message.split("\n")
    assert [line[:9] for line in lines[:20]] == [f"matter {number:02}" for number in range(20)]
    assert lines[20:] == ["… and 3 more: see harvester alerts"]


def test_what_comes_up_together_is_waited_for_and_nothing_is_looked_for_in_vain(
    ledger: Ledger, receiver: Receiver
) -> None:
    clock = FakeClock()
    tell = Alerts(ledger, [receiver.url], clock)
    for _ in range(30):  # the same matter again and again is no reason to wait for ever
        bring_up(ledger, clock)
        clock.advance(seconds=1)
    with ledger.read() as tx:
        assert tell.due(tx)
    tell()
    with ledger.read() as tx:
        assert not tell.due(tx)


def test_a_service_that_took_it_does_not_hear_it_again_because_another_did_not(
    ledger: Ledger, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = Receiver()
    try:
        deaf.status = 500
        clock = FakeClock()
        tell = Alerts(ledger, [deaf.url, receiver.url], clock)
        bring_up(ledger, clock)
        tell()
        tell()
    finally:
        deaf.close()
    assert (len(deaf.told), len(receiver.told)) == (1, 1)
    assert "1 of 2" in caplog.text
    assert "token-canary" not in caplog.text


def test_what_stands_is_listed_by_the_page_newest_first_and_a_person_can_end_it(ledger: Ledger) -> None:
    clock = FakeClock()
    standing = Standing(ledger, clock)
    with ledger.write() as tx:
        for number in range(7):
            raise_alert(tx, f"matter {number}", "it is so", now=clock())
            if number % 2:
                clock.advance(minutes=1)
    assert standing.over("matter 3")
    assert not standing.over("matter 3")
    found: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        rows, cursor = standing.page(limit=2, after=cursor)
        found += [alert.key for alert in rows]
        if cursor is None:
            break
    assert found == ["matter 6", "matter 4", "matter 5", "matter 2", "matter 0", "matter 1"]
    clock.advance(days=2)
    assert standing.page(limit=10) == ([], None)


def test_a_page_goes_on_where_the_last_one_ended_though_that_alert_is_over_or_has_come_up_anew(
    ledger: Ledger, clock: FakeClock
) -> None:
    standing = Standing(ledger, clock)
    with ledger.write() as tx:
        for number in range(3):
            raise_alert(tx, f"matter {number}", "it is so", now=clock.advance(minutes=1), again_after=None)
    (first,), cursor = standing.page(limit=1)
    assert standing.over(first.key)
    with ledger.write() as tx:
        raise_alert(tx, first.key, "it is so", now=clock.advance(minutes=1), again_after=None)
    rows, cursor = standing.page(limit=2, after=cursor)
    assert [alert.key for alert in rows] == ["matter 1", "matter 0"]
    assert cursor is None
