"""A clock that was ahead for a moment: what was put off by it is put right, and no time is fired twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from factories import FakeClock, make_client, make_settings
from sqlalchemy import select

from harvester.ledger import Ledger, alerts, job_runs
from harvester.ledger.tables import idempotency_keys
from services import Services, build
from services.chores import Chore, Chores

from .stage import Stage
from .test_composed import work


@pytest.fixture
def services(ledger_url: str, clock: FakeClock) -> Iterator[Services]:
    settings = make_settings(database_url=ledger_url, schedule="0 5 * * *", schedule_timezone="UTC")
    with closing(build(settings, clock=clock)) as services:
        make_client(services.ledger, daily_target=0)
        yield services


def fired(services: Services) -> list[str]:
    """Give the times that were fired, by their keys; each must have made one job run."""
    with services.ledger.read() as tx:
        keys = sorted(tx.execute(select(idempotency_keys.c.key)).scalars())
        assert len(job_runs.page(tx, limit=1000)[0]) == len(keys)
    return [key.split()[-1] for key in keys]


@pytest.mark.parametrize("ahead", [timedelta(days=3), timedelta(days=30)])
def test_each_day_after_it_has_its_job_run(services: Services, clock: FakeClock, ahead: timedelta) -> None:
    work(services, 2)
    clock.advance(minutes=2)
    work(services, 2)
    clock.now += ahead
    work(services, 3)
    (too_early,) = fired(services)
    clock.now -= ahead
    began = clock.now
    for _ in range(10 * 6):
        clock.advance(hours=4)
        work(services, 3)
    days = [f"{began + timedelta(days=n):%Y-%m-%d}T05:00Z" for n in range(1, 11)]
    assert fired(services) == sorted({too_early, *days})
    with services.ledger.read() as tx:
        (text,) = [one.text for one in alerts.latest(tx, limit=20) if one.key == "clock was ahead"]
    assert "the schedule all" in text


def test_a_schedule_that_was_taken_up_or_changed_meanwhile_begins_now(stage: Stage) -> None:
    """It has fired nothing that would tell; or its last time lies ahead, before which it fires nothing."""
    stage.clock.advance(days=30)
    stage.schedule.sync()
    stage.clock.advance(days=-30)
    right = _next(stage)
    stage.schedule.sync()
    assert _next(stage) < right - timedelta(days=29)
    stage.clock.advance(days=30)
    assert stage.look()
    stage.clock.advance(days=-30)
    stage.expression = "0 6 * * *"
    stage.schedule.sync()
    assert _next(stage) - stage.clock.now < timedelta(days=2)
    stage.clock.now = _next(stage)
    assert stage.look()


def _next(stage: Stage) -> datetime:
    row = stage.row()
    assert row is not None
    assert row.next_at is not None
    return row.next_at


@pytest.mark.parametrize("expression", ["0 5 * * *", "0 5 1 * *", "0 5 29 2 *", "*/15 * * * *"])
def test_a_time_that_is_far_off_is_left_and_nobody_alarmed(stage: Stage, expression: str) -> None:
    stage.expression = expression
    stage.schedule.sync()
    was = _next(stage)
    for seconds in (1, -2, 2, 60, 3600):
        stage.clock.advance(seconds=seconds)
        if stage.clock.now < was:
            stage.schedule.sync()
            assert _next(stage) == was
    with stage.ledger.read() as tx:
        assert alerts.latest(tx, limit=10) == []


def test_a_chore_that_was_taken_far_ahead_is_free(ledger: Ledger, clock: FakeClock) -> None:
    """Nobody takes one for longer than it may last."""
    chores = Chores(ledger, {"sweep": Chore(timedelta(minutes=5), lambda: None)}, clock)
    clock.advance(days=30)
    assert chores.due() == ["sweep"]
    clock.advance(days=-30)
    assert chores.due() == ["sweep"]
    assert chores.due() == []
    clock.advance(seconds=-50)  # as far apart as two machines may be
    assert chores.due() == []
    clock.advance(seconds=350)
    assert chores.due() == ["sweep"]


@pytest.fixture
def stage(ledger: Ledger, clock: FakeClock) -> Stage:
    return Stage(ledger, clock)
