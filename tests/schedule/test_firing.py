"""Firing: each time once, whoever looks and whenever, and what is missed as the settings say."""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from factories import FakeClock, on_one_ledger, opened
from hypothesis import given, settings
from hypothesis import strategies as st
from simultaneous import at_once
from sqlalchemy import delete

from harvester import cron
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, schedules
from harvester.ledger.job_tables import job_runs as job_runs_table
from harvester.ledger.job_tables import schedules as schedules_table
from services.schedule import Missed
from services.scheduled import LATE, MOST_MISSED, Firing

from .stage import Stage

ZONES = ["Europe/London", "Australia/Sydney", "America/New_York", "Australia/Lord_Howe"]
ON_POSTGRESQL = ["Australia/Sydney", "America/New_York"]
#: Before a day on which clocks go on, and before one on which they go back, of any of these zones.
STARTS = [
    datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 6), (3, 27), (4, 3), (10, 2), (10, 23))
]


few_on_one_ledger = settings(on_one_ledger, max_examples=8)


@pytest.fixture
def stage(ledger: Ledger, clock: FakeClock) -> Stage:
    return Stage(ledger, clock)


def forget(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(delete(schedules_table))
        tx.execute(delete(job_runs_table))


@pytest.mark.parametrize(
    "zone", [pytest.param(zone, marks=[pytest.mark.slow] * (zone in ON_POSTGRESQL)) for zone in ZONES]
)
def test_a_year_of_random_looks_fires_once_on_each_date(zone: str, sqlite_url: str, clock: FakeClock) -> None:
    with opened(sqlite_url) as ledger:
        live_through_a_year(zone, ledger, clock)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ON_POSTGRESQL)
def test_a_year_on_postgresql_too(zone: str, postgres_ledger: Ledger, clock: FakeClock) -> None:
    live_through_a_year(zone, postgres_ledger, clock)


def live_through_a_year(zone: str, ledger: Ledger, clock: FakeClock) -> None:
    chance = random.Random(zone)
    there, minute = ZoneInfo(zone), chance.randrange(24 * 60)
    clock.now = datetime(2026, 1, 1, tzinfo=there).astimezone(UTC) - timedelta(microseconds=1)
    stage = Stage(ledger, clock, f"{minute % 60} {minute // 60} * * *", zone)
    stage.schedule.sync()
    end = datetime(2027, 1, 1, tzinfo=there) + timedelta(hours=22)
    while clock.now < end:
        clock.advance(seconds=chance.uniform(0.5, 20 * 3600))
        stage.look()
    dates = [time.astimezone(there).date() for time in stage.times() if time < end - timedelta(hours=22)]
    assert dates == [datetime(2026, 1, 1).date() + timedelta(days=n) for n in range(365)]  # noqa: DTZ001


@given(
    missed=st.sampled_from(["last", "skip", "all"]),
    zone=st.sampled_from(ZONES),
    expression=st.sampled_from(
        ["30 1 * * *", "0 2 * * *", "15 2 * * *", "*/15 * * * *", "0 * * * *", "5 5 * * 1"]
    ),
    start=st.sampled_from(STARTS),
    looks=st.lists(
        st.tuples(st.one_of(st.floats(1, 600), st.floats(1, 4e5)), st.booleans()), min_size=1, max_size=12
    ),
)
@few_on_one_ledger
def test_whatever_the_downtime_each_time_is_fired_as_the_policy_says(
    ledger: Ledger,
    missed: Missed,
    zone: str,
    expression: str,
    start: datetime,
    looks: list[tuple[float, bool]],
) -> None:
    """Against a model that knows all times beforehand."""
    forget(ledger)
    clock = FakeClock(start)
    stage = Stage(ledger, clock, expression, zone, missed)
    stage.schedule.sync()
    end = start + timedelta(seconds=sum(by for by, _ in looks) + 86400 * 8)
    known = list(takewhile(lambda time: time < end, cron.times(expression, zone, after=start)))
    model: list[datetime] = []
    next_one = 0
    for by, restart in looks:
        clock.advance(seconds=by)
        if restart:
            stage.schedule.sync()
        passed = bisect_right(known, clock.now)
        while stage.look():
            stage.end_jobs()
        waiting = known[next_one:passed]
        next_one = passed
        if missed == "all":
            model += waiting[-MOST_MISSED:]
        elif waiting and (missed == "last" or clock.now - waiting[-1] <= LATE):
            model.append(waiting[-1])
        assert stage.times() == model
        row = stage.row()
        assert row is not None
        assert row.next_at == known[next_one]


def test_with_all_the_next_missed_time_waits_for_the_job_run_of_the_one_before(stage: Stage) -> None:
    stage.missed = "all"
    stage.schedule.sync()
    stage.clock.advance(days=3)
    assert [stage.look() for _ in range(3)] == [True, False, False]
    stage.end_jobs()
    assert [stage.look() for _ in range(3)] == [True, False, False]
    first, second = stage.times()
    assert second - first == timedelta(days=1)


def test_with_all_one_slow_client_keeps_nobody_from_the_times_that_come(stage: Stage) -> None:
    stage.missed = "all"
    stage.schedule.sync()
    for _ in range(5):  # the job run of the day before never ends
        stage.clock.advance(days=1)
        assert stage.look()
    assert len(stage.times()) == 5


def test_looks_at_the_same_moment_fire_once(ledger: Ledger, clock: FakeClock) -> None:
    stages = [Stage(ledger, clock) for _ in range(8)]
    at_once(stage.schedule.sync for stage in stages)
    for _ in range(3):
        clock.advance(days=1)
        at_once(stage.scheduled for stage in stages)
    times = sorted(time for stage in stages for time in stage.times())
    assert len(times) == 3
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(days=1)}


class Broken(HarvesterError):
    """What a firing fails with."""


def test_a_firing_that_fails_is_undone_tried_again_and_keeps_no_other_from_it(
    stage: Stage, clock: FakeClock
) -> None:
    with stage.ledger.write() as tx:
        for name in ("client a", "client b", "client c"):
            schedules.put(tx, name, "0 5 * * *", "UTC", next_at=clock.now)

    def fail(firing: Firing) -> None:
        if firing.client_id == "b":
            raise Broken("this one is broken")

    stage.before = fail
    with pytest.raises(Broken):
        stage.scheduled()
    assert [one.client_id for one in stage.fired] == ["a", "c"]
    row = stage.row("client b")
    assert row is not None
    assert (row.next_at, row.last_at) == (clock.now, None)
    stage.before = lambda _: None
    stage.look()
    assert [one.client_id for one in stage.fired] == ["a", "c", "b"]
    assert not stage.look()


def test_a_time_that_was_announced_is_kept_though_the_rules_of_its_zone_have_changed(stage: Stage) -> None:
    """As after an update of the time zones: the row has a time that is none of the expression's any more."""
    announced = stage.clock.advance(minutes=-30) - timedelta(minutes=31)
    with stage.ledger.write() as tx:
        schedules.put(tx, schedules.ALL, "0 5 * * *", "Europe/London", next_at=announced)
    stage.look()
    assert stage.times() == [announced]


def test_a_clock_that_goes_back_fires_nothing_again(stage: Stage) -> None:
    stage.schedule.sync()
    stage.clock.advance(days=1)
    stage.look()
    stage.clock.advance(days=-1)
    stage.schedule.sync()
    assert not stage.look()
    stage.clock.advance(hours=24)
    assert not stage.look()
    assert len(stage.fired) == 1
