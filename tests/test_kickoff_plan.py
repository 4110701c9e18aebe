"""What a kickoff plans: how many leads, which, in what batches, within the client's own day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, FakeClock, make_client, make_leads, make_limits
from records import FULL_ID, NOTHING, batches, count, found_today, sent, urls

from harvester.ledger import Ledger, client_runs, leads
from harvester.models import LeadStatus
from services.kickoff import Kickoff, Order


@pytest.mark.parametrize(
    ("target", "found", "max_posts", "expected"),
    [(5, 0, 2, 3), (10, 5, 2, 3), (6, 0, 2, 3), (1, 0, 2, 1), (5, 0, 10, 1), (5, 4, 1, 1), (500, 0, 2, 8)],
)
def test_the_pick_is_clipped_to_what_the_target_needs(
    ledger: Ledger, clock: FakeClock, target: int, found: int, max_posts: int, expected: int
) -> None:
    make_client(ledger, daily_target=target)
    if found:
        found_today(ledger, found)
    due = make_leads(ledger, count=8)
    Kickoff(ledger, make_limits(max_posts=max_posts), clock)(Order(CLIENT_ID))
    assert sent(ledger) == [urls(*due[:expected])]


@pytest.mark.parametrize(
    ("size", "guardrail", "override", "expected"),
    [
        (3, 10, None, [3, 3, 1]),
        (3, 2, None, [3, 3]),
        (3, 2, 3, [3, 3, 1]),
        (3, 10, 1, [3]),
        (20, 10, None, [7]),
        (1, 3, None, [1, 1, 1]),
    ],
)
def test_leads_go_into_batches_of_the_clients_size_up_to_its_guardrail(
    ledger: Ledger, kickoff: Kickoff, size: int, guardrail: int, override: int | None, expected: list[int]
) -> None:
    make_client(ledger, daily_target=100, batch_size=size, max_batches=guardrail)
    due = make_leads(ledger, count=7)
    kickoff(Order(CLIENT_ID, max_batches=override))
    assert [len(batch) for batch in sent(ledger)] == expected
    assert [run.profiles for run in batches(ledger)] == expected
    assert [run.batch for run in batches(ledger)] == list(range(1, len(expected) + 1))
    assert sorted(url for batch in sent(ledger) for url in batch) == urls(*due[: sum(expected)])
    assert len({run.marker for run in batches(ledger)}) == len(expected)


def test_without_due_leads_there_is_a_record_and_nothing_planned(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    assert kickoff(Order(CLIENT_ID)).outcome == "accepted"
    assert count(ledger) == {**NOTHING, "client_runs": 1, "job_runs": 1}


SYDNEY_MIDNIGHT = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)  # daylight saving: UTC+11


@pytest.mark.parametrize(
    ("timezone", "earlier", "now", "same_day"),
    [
        ("Australia/Sydney", SYDNEY_MIDNIGHT - timedelta(minutes=1), SYDNEY_MIDNIGHT, False),
        ("Australia/Sydney", SYDNEY_MIDNIGHT, SYDNEY_MIDNIGHT + timedelta(hours=23), True),
        ("UTC", SYDNEY_MIDNIGHT, SYDNEY_MIDNIGHT + timedelta(hours=23), False),
        ("UTC", SYDNEY_MIDNIGHT - timedelta(minutes=1), SYDNEY_MIDNIGHT, True),
    ],
)
@pytest.mark.parametrize("limit", ["target", "budget", "guardrail"])
def test_a_day_is_the_clients_own(
    ledger: Ledger, timezone: str, earlier: datetime, now: datetime, same_day: bool, limit: str
) -> None:
    make_client(ledger, timezone=timezone, max_batches=1)
    found_today(
        ledger, 10 if limit == "target" else 0, cost_micros=5_000_000 if limit == "budget" else 0, at=earlier
    )
    make_leads(ledger)
    answer = Kickoff(ledger, make_limits(), FakeClock(now))(Order(CLIENT_ID))
    planned = batches(ledger, answer.client_run_id or "")
    assert len(planned) == (0 if same_day else 1)
    if limit == "guardrail":
        assert answer.outcome == "accepted"
    else:
        assert answer.code == (
            {"target": "target_met", "budget": "budget_spent"}[limit] if same_day else None
        )


def test_leads_are_picked_by_the_rules_of_the_contract_newest_first(
    ledger: Ledger, kickoff: Kickoff, clock: FakeClock
) -> None:
    make_client(ledger, daily_target=100)
    stale = NOW - timedelta(seconds=1801)
    due = [
        *make_leads(ledger, count=2),
        *make_leads(ledger, status="Pending", last_check_at=NOW),
        *make_leads(ledger, status="", posts_actioned=""),
        *make_leads(ledger, status="Processing", last_check_at=stale),
    ]
    for changes in (
        {"status": "Processing", "last_check_at": NOW - timedelta(seconds=1800)},
        {"status": "Done"},
        {"status": "No Posts"},
        {"posts_actioned": "yes"},
        {"posts_scored_at": NOW},
    ):
        make_leads(ledger, **changes)
    kickoff(Order(CLIENT_ID))
    assert sent(ledger) == [urls(*due)]


def test_the_newest_leads_come_first(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger, daily_target=4)
    found = make_leads(ledger, count=6)
    kickoff(Order(CLIENT_ID))
    assert sent(ledger) == [urls(*found[:2])]


def test_leads_of_another_client_stay_alone(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    make_client(ledger, "Guy")
    make_leads(ledger, "Guy", 3)
    kickoff(Order(CLIENT_ID))
    assert sent(ledger) == []


def test_explicit_profiles_are_harvested_now_whatever_the_target(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger, daily_target=0, batch_size=2)
    known, scored, _ = make_leads(ledger, count=3, status="Done", posts_scored_at=NOW)
    answer = kickoff(
        Order(
            CLIENT_ID,
            target_urls=[
                f"http://linkedin.com/in/{known.profile_url.rpartition('/')[2].upper()}/?trk=x",
                "https://au.linkedin.com/in/New-Person/recent-activity/all/",
                scored.profile_url,
                "https://www.linkedin.com/in/new-person",
            ],
            max_posts=7,
        )
    )
    assert answer.outcome == "accepted"
    assert [run.max_posts for run in batches(ledger)] == [7, 7]
    assert [len(batch) for batch in sent(ledger)] == [2, 1]
    assert sorted(url for batch in sent(ledger) for url in batch) == sorted(
        [*urls(known, scored), "https://www.linkedin.com/in/new-person"]
    )
    with ledger.read() as tx:
        (new,) = leads.by_urls(tx, CLIENT_ID, ["https://www.linkedin.com/in/new-person"])
        record = client_runs.get(tx, FULL_ID)
        assert len(leads.page(tx, CLIENT_ID, limit=9)) == 4
    assert new.given_url == "https://au.linkedin.com/in/New-Person/recent-activity/all/"
    assert new.status is LeadStatus.PROCESSING
    assert record is not None
    assert record.target_posts is None


@pytest.mark.parametrize(
    ("changes", "code"), [({"status": "Paused"}, "client_inactive"), ({"service_level": 1}, "not_entitled")]
)
def test_explicit_profiles_do_not_make_a_client_eligible(
    ledger: Ledger, kickoff: Kickoff, changes: dict[str, Any], code: str
) -> None:
    make_client(ledger, **changes)
    answer = kickoff(Order(CLIENT_ID, target_urls=["https://www.linkedin.com/in/x"]))
    assert answer.code == code
    with ledger.read() as tx:
        assert leads.page(tx, CLIENT_ID, limit=9) == []


def test_explicit_profiles_do_not_go_past_the_budget(ledger: Ledger, kickoff: Kickoff) -> None:
    make_client(ledger)
    found_today(ledger, 99, cost_micros=5_000_000)
    answer = kickoff(Order(CLIENT_ID, target_urls=["https://www.linkedin.com/in/x"]))
    assert answer.code == "budget_spent"
