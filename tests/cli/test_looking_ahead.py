"""What a kickoff would do, and what stands, from the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import NOW, make_client, make_leads
from preview.whole import untouched

from harvester.ledger import Ledger
from services.alerts import raise_alert

from .conftest import Harvester

Shown = Callable[..., Any]


@pytest.fixture(autouse=True)
def acme(ledger: Ledger) -> list[str]:
    make_client(ledger, "Acme-Two", batch_size=3)
    return [lead.profile_url for lead in make_leads(ledger, "Acme-Two", 12)]


def test_a_dry_run_shows_what_the_kickoff_then_does(
    ledger: Ledger, harvester: Harvester, shown: Shown, acme: list[str]
) -> None:
    with untouched(ledger):
        found = shown("kickoff", "--client", "Acme-Two", "--dry-run")
        told = harvester("kickoff", "--client", "Acme-Two", "--dry-run").stdout
    profiles = [lead["linkedinProfileUrl"] for batch in found["batches"] for lead in batch["leads"]]
    assert profiles == acme[:5]
    assert {lead["why"] for batch in found["batches"] for lead in batch["leads"]} == {"new"}
    assert (found["costAtMostUsd"], found["costAboutUsd"], found["skipped"]) == (5.0, None, False)
    assert all(profile in told for profile in profiles)
    assert shown("runs") == []
    shown("kickoff", "--client", "Acme-Two")
    (run,) = shown("runs")
    again = shown("kickoff", "--client", "Acme-Two", "--dry-run")
    assert (again["code"], again["batches"]) == ("run_in_progress", [])
    assert run["clientRunId"] in again["reason"]


def test_a_dry_run_says_why_nothing_would_be_started(harvester: Harvester) -> None:
    harvester("clients", "disable", "Acme-Two")
    told = harvester("kickoff", "--client", "Acme-Two", "--dry-run").stdout
    assert "Nothing would be started" in told
    assert "client_inactive" in told
    harvester("kickoff", "--client", "Nobody", "--dry-run", code=1)
    harvester("kickoff", "--client", "Acme-Two", "--dry-run", "--run-id", "no", code=2)


def test_what_stands_is_listed_until_a_person_ends_it(
    ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    assert "Nothing stands" in harvester("alerts").stdout
    with ledger.write() as tx:
        raise_alert(tx, "client Acme-Two failed", "Do this.\x1b[31m", now=NOW, again_after=None)
    (found,) = shown("alerts")
    assert (found["key"], found["since"], found["times"]) == (
        "client Acme-Two failed",
        "2026-11-22T05:00:00Z",
        1,
    )
    assert "\x1b" not in harvester("alerts").stdout
    assert shown("alerts", "--over", "client Acme-Two failed") == []
    harvester("alerts", "--over", "client Acme-Two failed", code=3)
