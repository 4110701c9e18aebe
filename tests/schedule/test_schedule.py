"""Schedules: the rows follow the settings and the clients, and are shown with what comes next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import FakeClock, make_client

from harvester.ledger import Ledger, alerts, clients, schedules
from services.scheduled import Firing

from .stage import Stage

NAME = schedules.name_of("Guy-Wilson")


@pytest.fixture
def stage(ledger: Ledger, clock: FakeClock) -> Stage:
    return Stage(ledger, clock)


def change(stage: Stage, **values: Any) -> None:
    with stage.ledger.write() as tx:
        clients.change(tx, "Guy-Wilson", **values)
    stage.schedule.sync()


def next_of(stage: Stage, name: str = schedules.ALL) -> datetime | None:
    row = stage.row(name)
    return row.next_at if row is not None else None


def test_the_rows_follow_the_setting(stage: Stage) -> None:
    stage.schedule.sync()
    assert next_of(stage) == datetime(2026, 11, 23, 5, tzinfo=UTC)
    stage.timezone = "Australia/Sydney"
    stage.schedule.sync()
    assert next_of(stage) == datetime(2026, 11, 22, 18, tzinfo=UTC)
    stage.expression = None
    stage.schedule.sync()
    assert stage.row() is None


def test_a_schedule_that_stays_the_same_keeps_a_time_that_has_come(stage: Stage) -> None:
    """Or a sync between a time and its firing would lose it."""
    stage.schedule.sync()
    stage.clock.advance(days=1)
    stage.schedule.sync()
    assert stage.look()
    assert len(stage.fired) == 1


def test_of_a_schedule_that_has_changed_nothing_is_caught_up(stage: Stage) -> None:
    stage.schedule.sync()
    stage.clock.advance(days=2)
    stage.expression = "0 4 * * *"
    stage.schedule.sync()
    assert not stage.look()


def test_a_client_goes_by_its_own_schedule_in_its_own_time_zone(stage: Stage) -> None:
    make_client(stage.ledger, timezone="America/New_York", schedule="30 7 * * 1-5")
    make_client(stage.ledger, "Other")
    stage.schedule.sync()
    stage.clock.advance(days=1, hours=12)
    stage.look()
    monday = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    assert [(one.schedule, one.client_id, one.time) for one in stage.fired] == [
        (schedules.ALL, None, datetime(2026, 11, 23, 5, tzinfo=UTC)),
        (NAME, "Guy-Wilson", monday),
    ]
    change(stage, timezone="Europe/London")
    assert next_of(stage, NAME) == datetime(2026, 11, 24, 7, 30, tzinfo=UTC)
    change(stage, schedule=None)
    assert stage.row(NAME) is None


def test_a_change_to_and_fro_fires_no_time_twice(stage: Stage) -> None:
    """Even by a process whose clock is behind that of the one that fired."""
    stage.schedule.sync()
    stage.clock.now = datetime(2026, 11, 23, 5, 0, 1, tzinfo=UTC)
    stage.look()
    stage.clock.advance(seconds=-2)
    for expression in ("0 6 * * *", "0 5 * * *"):
        stage.expression = expression
        stage.schedule.sync()
    stage.clock.advance(seconds=2)
    assert not stage.look()
    assert next_of(stage) == datetime(2026, 11, 24, 5, tzinfo=UTC)


@pytest.mark.parametrize("damage", [{"schedule": "daily"}, {"timezone": "Mars/Olympus"}])
def test_what_nobody_can_reckon_with_is_told_and_keeps_no_other_from_it(
    stage: Stage, damage: dict[str, str]
) -> None:
    make_client(stage.ledger, schedule="0 5 * * *")
    stage.schedule.sync()
    change(stage, **damage)
    assert (stage.row(NAME), stage.row() is not None) == (None, True)
    with stage.ledger.read() as tx:
        (alert,) = alerts.latest(tx, limit=10)
    assert alert.key == "schedule client Guy-Wilson"
    assert "starts nothing" in alert.text
    shown = stage.schedule.listing(limit=10).rows
    assert [(one["name"], one["error"] is None) for one in shown] == [(schedules.ALL, True), (NAME, False)]


def test_many_schedules_are_taken_up_and_shown_in_pages(stage: Stage) -> None:
    one = make_client(stage.ledger, "C000", schedule="0 5 * * *")
    with stage.ledger.write() as tx:
        for number in range(1, 250):
            clients.add(tx, replace(one, client_id=f"C{number:03}"))
    stage.schedule.sync()
    found: list[str] = []
    after: str | None = None
    while not found or after is not None:
        page = stage.schedule.listing(limit=100, after=after)
        assert all(one["takenUp"] for one in page.rows)
        found += [one["name"] for one in page.rows]
        after = page.next_cursor
    assert found == [schedules.ALL, *(f"client C{number:03}" for number in range(250))]


def test_what_is_shown_is_what_will_be_fired(stage: Stage) -> None:
    stage.clock.now = datetime(2026, 10, 22, 20, tzinfo=UTC)
    (before,) = stage.schedule.listing(limit=10).rows
    stage.schedule.sync()
    (shown,) = stage.schedule.listing(limit=10).rows
    assert (before.pop("takenUp"), shown.pop("takenUp")) == (False, True)
    assert before == shown
    assert [time["local"] for time in shown["nextTimes"]] == [
        "2026-10-23T05:00:00+01:00",
        "2026-10-24T05:00:00+01:00",
        "2026-10-25T05:00:00+00:00",
        "2026-10-26T05:00:00+00:00",
        "2026-10-27T05:00:00+00:00",
    ]
    for _ in range(5 * 24):
        stage.clock.advance(hours=1)
        stage.look()
    fired = [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in stage.times()]
    assert fired == [time["utc"] for time in shown["nextTimes"]]
    (shown,) = stage.schedule.listing(limit=10).rows
    assert shown["lastAt"] == fired[-1]


def test_a_firing_says_which_time_it_is_for(stage: Stage) -> None:
    stage.schedule.sync()
    now = stage.clock.advance(days=3)
    stage.look()
    assert stage.fired == [Firing(schedules.ALL, None, now - timedelta(0), now)]
