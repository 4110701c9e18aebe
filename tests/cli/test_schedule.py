"""The command that shows schedules, and what the doctor says of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from factories import make_client

from harvester.ledger import Ledger, schedules

from .conftest import Harvester

Shown = Callable[..., Any]


def in_doctor(shown: Shown) -> dict[str, Any]:
    """Give what the doctor says of schedules, whatever else is not well here."""
    return next(one for one in shown("doctor", code=1) if one["name"] == "schedule")


def put(ledger: Ledger, next_at: datetime) -> None:
    with ledger.write() as tx:
        schedules.put(tx, schedules.ALL, "0 5 * * *", "Australia/Sydney", next_at=next_at)


def test_without_a_schedule_it_is_said_that_nothing_starts_by_itself(
    harvester: Harvester, shown: Shown
) -> None:
    assert shown("schedule") == {"schedules": [], "missed": "last"}
    assert "Nothing starts by itself." in harvester("schedule").stdout
    found = in_doctor(shown)
    assert found["ok"]
    assert "nothing starts by itself" in found["detail"]


def test_schedules_are_shown_in_their_zones(
    environ: dict[str, str], ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    environ |= {"SCHEDULE": "0  5 * * *", "SCHEDULE_TIMEZONE": "Australia/Sydney", "SCHEDULE_MISSED": "skip"}
    make_client(ledger, timezone="America/New_York", schedule="*/30 7 * * 1-5")
    found = shown("schedule")
    assert found["missed"] == "skip"
    of_all, own = found["schedules"]
    assert (of_all["name"], of_all["clientId"], of_all["expression"]) == ("all", None, "0 5 * * *")
    assert (own["clientId"], own["timezone"], own["takenUp"]) == ("Guy-Wilson", "America/New_York", False)
    assert [len(one["nextTimes"]) for one in (of_all, own)] == [5, 5]
    assert {time["local"][11:19] for time in of_all["nextTimes"]} == {"05:00:00"}
    assert {time["local"][11:19] for time in own["nextTimes"]} == {"07:00:00", "07:30:00"}
    printed = harvester("schedule").stdout
    assert "2 schedules; missed times are passed over" in printed
    assert "not taken up by a worker yet" in printed
    assert "takes them up" in in_doctor(shown)["detail"]


def test_the_doctor_says_when_the_next_one_comes_and_when_nobody_has_started_it(
    environ: dict[str, str], ledger: Ledger, shown: Shown
) -> None:
    environ |= {"SCHEDULE": "0 5 * * *", "SCHEDULE_TIMEZONE": "Australia/Sydney"}
    put(ledger, datetime(2100, 1, 1, tzinfo=UTC))
    assert in_doctor(shown)["detail"] == "1 schedule, next all at 2100-01-01 00:00 UTC"
    with ledger.write() as tx:
        schedules.remove(tx, schedules.ALL)
    put(ledger, datetime.now(UTC) - timedelta(hours=1))
    found = in_doctor(shown)
    assert not found["ok"]
    assert "no worker has started it" in found["detail"]
    assert "harvester worker" in found["remedy"]


def test_what_starts_nothing_is_said(ledger: Ledger, harvester: Harvester) -> None:
    make_client(ledger, schedule="0 5 * * *", timezone="Mars/Olympus")
    assert "client Guy-Wilson starts nothing: it is no time zone" in harvester("schedule").stdout
