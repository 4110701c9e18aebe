"""Cron expressions: once a day is once a day, and what a clock shows is what is meant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from harvester import cron
from harvester.errors import InvalidInput

ZONES = ["Europe/London", "Australia/Sydney", "America/New_York", "Australia/Lord_Howe", "America/Havana"]
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
MINUTE = timedelta(minutes=1)

#: All those at which clocks change anywhere, and some others.
MINUTES = [*range(4 * 60), *range(4 * 60, 22 * 60, 17), *range(22 * 60, 24 * 60)]

in_a_zone = pytest.mark.parametrize("zone", ZONES)
#: What comes several times a day: steady expressions, for which the clock's face is all that counts.
STEADY = st.builds(
    "{} {} * * {}".format,
    st.sampled_from(["*", "*/15", "*/7", "*/30", "0", "5,35", "50-59"]),
    st.sampled_from(["*", "*/2", "*/3", "*/5", "*"]),
    st.sampled_from(["*", "*", "0,6", "1-5"]),
)


def changes(zone: str) -> list[datetime]:
    """Give the hours of the year in which the clocks of a zone change."""
    there, (start, end) = ZoneInfo(zone), YEAR
    hours = [start + timedelta(hours=n) for n in range(int((end - start) / timedelta(hours=1)))]
    offsets = [hour.astimezone(there).utcoffset() for hour in hours]
    return [hour for hour, before, now in zip(hours[1:], offsets, offsets[1:], strict=False) if before != now]


def up_to(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    return list(takewhile(lambda moment: moment < end, cron.times(expression, zone, after=start - MINUTE)))


@in_a_zone
def test_the_clocks_of_each_zone_change_twice_a_year(zone: str) -> None:
    assert len(changes(zone)) == 2


@in_a_zone
def test_a_daily_time_comes_once_on_the_days_on_which_clocks_change_whatever_its_minute(zone: str) -> None:
    there = ZoneInfo(zone)
    for change in changes(zone):
        day = change.astimezone(there).date()
        days = [day + timedelta(days=n) for n in (-1, 0, 1)]
        start = datetime.combine(days[0], datetime.min.time(), there).astimezone(UTC)
        for minute in MINUTES:
            expression = f"{minute % 60} {minute // 60} * * *"
            found = cron.upcoming(expression, zone, start=start, count=3)
            assert [moment.astimezone(there).date() for moment in found] == days, expression
            shown = [moment.astimezone(there) for moment in found]
            faces = [60 * moment.hour + moment.minute for moment in shown]
            assert faces[0] == faces[2] == minute
            assert faces[1] >= minute
            assert not any(moment.fold for moment in shown), expression


@in_a_zone
@given(minute=st.integers(0, 24 * 60 - 1), written=st.sampled_from(["{0} {1}", "*/60 {1}", "{0} */24"]))
@settings(max_examples=4, deadline=None)
def test_a_daily_time_comes_once_on_each_day_of_a_year(zone: str, minute: int, written: str) -> None:
    expression = written.format(minute % 60, minute // 60) + " * * *"
    start, end = (moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for moment in YEAR)
    dates = [moment.astimezone(ZoneInfo(zone)).date() for moment in up_to(expression, zone, start, end)]
    assert dates == [YEAR[0].date() + timedelta(days=n) for n in range(365)]


@in_a_zone
@given(expression=STEADY)
@settings(max_examples=3, deadline=None)
def test_a_steady_expression_comes_whenever_the_clock_shows_it(zone: str, expression: str) -> None:
    """The other way around: minute by minute, is what a clock shows then one of the expression's times?"""
    there = ZoneInfo(zone)
    for change in changes(zone):
        start, end = change - timedelta(hours=13), change + timedelta(hours=13)
        moments = (start + n * MINUTE for n in range(26 * 60))
        assert up_to(expression, zone, start, end) == [
            moment for moment in moments if matches(expression, moment.astimezone(there))
        ]


def matches(expression: str, local: datetime) -> bool:
    face = local.replace(tzinfo=None, fold=0)
    return next(CronSim(expression, face - MINUTE)) == face


@in_a_zone
@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_wherever_one_begins_the_times_are_the_same(zone: str, data: st.DataObject) -> None:
    expression = data.draw(
        st.one_of(STEADY, st.sampled_from(["30 1 * * *", "0,15,45 0-2 * * *", "0 2 * * 0"]))
    )
    change = data.draw(st.sampled_from(changes(zone)))
    start = change - timedelta(days=8)
    around = up_to(expression, zone, start, change + timedelta(days=1))
    seconds = data.draw(st.integers(-6 * 3600, 6 * 3600))
    after = change + timedelta(seconds=seconds, microseconds=data.draw(st.integers(0, 999_999)))
    later = [moment for moment in around if moment > after]
    found = cron.times(expression, zone, after=after)
    assert [next(found) for _ in later] == later
    most = data.draw(st.integers(1, 40))
    earlier = [moment for moment in around if moment <= after]
    assert cron.latest(expression, zone, since=start, until=after, most=most) == earlier[-most:]


@pytest.mark.timeout(20)
def test_looking_back_over_years_looks_at_no_more_than_it_has_to() -> None:
    """A step through all minutes of these years would take an hour."""
    start = datetime(1990, 1, 1, tzinfo=UTC)
    found = cron.latest("* * * * *", "Europe/London", since=start, until=YEAR[1], most=31)
    assert found == [YEAR[1] - n * MINUTE for n in reversed(range(31))]
    assert cron.latest("0 5 29 2 *", "UTC", since=YEAR[0], until=YEAR[1], most=31) == []


@pytest.mark.parametrize(
    "expression",
    ["", "daily", "@daily", "0 5 * *", "0 0 5 * * *", "60 5 * * *", "0 5 31 2 *", "0 0 30 2 1-x"],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(InvalidInput):
        cron.checked(expression)


@given(st.lists(st.text("0123456789*/-,#LWMON ", max_size=6), min_size=5, max_size=5))
def test_no_text_does_worse_than_being_refused(fields: list[str]) -> None:
    try:
        expression = cron.checked(" ".join(fields))
    except InvalidInput:
        return
    assert cron.checked(expression) == expression
    assert len(cron.upcoming(expression, "Europe/London", start=YEAR[0], count=2)) in (1, 2)


def test_a_zone_that_is_none_is_refused() -> None:
    for zone in ("Mars/Olympus", "Europe", "", "../UTC"):
        with pytest.raises(InvalidInput):
            cron.following("0 5 * * *", zone, after=YEAR[0])
