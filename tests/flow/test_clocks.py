"""Machines whose clocks disagree: nothing may depend on it but the times that are shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from factories import make_settings

from harvester.ledger import Ledger
from harvester.ledger.clock import LedgerClock
from services import build

from .conftest import MakeStage
from .stage import AheadClock


@pytest.mark.parametrize("days", [1, -1])
def test_a_web_process_a_day_off_delays_nothing_and_loses_nothing(
    make_any_stage: MakeStage, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_any_stage(reconcile_seconds=0.3)
    wrong = AheadClock()
    wrong.skip(days=days)
    monkeypatch.setattr(stage.web.deliveries, "_clock", wrong)
    run = stage.harvest("ann", "bob-no-posts", batch_size=1)
    assert run["status"] == "Completed"
    stage.work(lambda: all(delivery["processedAt"] for delivery in stage.deliveries()))
    assert len(stage.deliveries()) == 2


def test_all_processes_go_by_the_clock_of_the_database(
    postgres_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, lines: pytest.LogCaptureFixture
) -> None:
    """The machine's clock is a day ahead: on PostgreSQL that is made good, and told once."""

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=1)

    monkeypatch.setattr("harvester.ledger.clock.datetime", Ahead)
    clock = LedgerClock()
    assert clock() - datetime.now(UTC) > timedelta(hours=23)
    for _ in range(2):
        clock._compared_at = None
        with postgres_ledger.read() as tx:
            clock.correct(tx)
        assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=1)
    assert lines.text.count("off the database's") == 1


def test_services_use_it_unless_they_are_given_another(ledger_url: str) -> None:
    built = build(make_settings(database_url=ledger_url))
    try:
        assert isinstance(built.clock, LedgerClock)
        assert abs(built.clock() - datetime.now(UTC)) < timedelta(seconds=1)
    finally:
        built.close()
