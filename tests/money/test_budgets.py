"""Budgets in single stories: what a start may cost, who waits, who is given up, and what is told of it."""

from __future__ import annotations

import pytest
from factories import FakeClock, make_client, make_leads, make_settings
from sqlalchemy import select

from harvester.ledger import Ledger, alerts, tables
from services import Services, build
from services.kickoff import Order

from .till import Till


def built(ledger: Ledger, clock: FakeClock, till: Till, clients: int = 1, **settings: object) -> Services:
    """Build services, and kick off clients of three batches each."""
    timers = {"reconcile_seconds": 20, "cost_settle_seconds": 10, "not_now_seconds": 10}
    services = build(make_settings(**timers, **settings), clock=clock, apify=till, ledger=ledger)
    for number in range(clients):
        client_id = f"client-{number}"
        make_client(ledger, client_id, batch_size=2, daily_target=12)
        for lead in make_leads(ledger, client_id, 6):
            till.clients[lead.profile_url] = client_id
        services.kickoff(Order(client_id))
    return services


def work(services: Services, clock: FakeClock, *, seconds: int = 11, times: int = 4) -> None:
    """Do what is due, again and again, while time goes by."""
    for _ in range(times):
        services.tick(services.advance)
        clock.advance(seconds=seconds)


@pytest.mark.parametrize(
    ("setting", "usd", "caps"),
    [
        ("daily_budget_usd", "1.00", [1_000_000]),
        ("daily_budget_usd", "2.30", [1_000_000, 1_000_000]),
        ("daily_budget_usd", "0.40", [400_000]),
        ("daily_budget_usd", "3.00", [1_000_000] * 3),
        ("monthly_budget_usd", "2.30", [1_000_000, 1_000_000]),
        ("monthly_budget_usd", "0.40", [400_000]),
    ],
)
def test_what_is_under_way_is_reserved_up_to_its_cap(
    ledger: Ledger, clock: FakeClock, setting: str, usd: str, caps: list[int]
) -> None:
    till = Till(clock)
    work(built(ledger, clock, till, clients=2 if setting.startswith("month") else 1, **{setting: usd}), clock)
    assert list(till.caps.values()) == caps
    with ledger.read() as tx:
        rows = tx.execute(select(tables.actor_runs)).all()
    assert {row.attempt for row in rows if row.state == "planned"} <= {0}
    assert not any(row.failures or row.error_code for row in rows)


def test_what_a_run_did_not_cost_is_there_for_the_next_at_once(ledger: Ledger, clock: FakeClock) -> None:
    till = Till(clock)
    services = built(ledger, clock, till, daily_budget_usd="0.50")
    work(services, clock)
    for part, cap in ((0.2, 500_000), (0.5, 400_000), (0.99, 200_000)):
        (run_id,) = till.running()
        assert till.caps[run_id] == cap
        till.close(run_id, part)
        work(services, clock)
    (run,) = services.overview.runs(limit=1).rows
    assert run["status"] == "Completed"


def test_a_spent_budget_ends_what_waits_and_is_told_once_a_day(ledger: Ledger, clock: FakeClock) -> None:
    till = Till(clock)
    services = built(ledger, clock, till, daily_budget_usd="0.50")
    for _ in range(2):
        work(services, clock)
        for run_id in till.running():
            till.close(run_id, 0.99)
    work(services, clock)
    with ledger.read() as tx:
        codes = sorted(str(row.error_code) for row in tx.execute(select(tables.actor_runs)))
        told = {alert.key: alert.text for alert in alerts.latest(tx, limit=20)}
    assert codes == ["None", "budget_spent", "budget_spent"]
    assert list(told) == ["budget of client-0 2026-11-22"]  # and not that the client has failed
    assert "0.4950 of 0.5000 USD, and the rest is too little for a start. What" in told.popitem()[1]
    assert services.kickoff(Order("client-0")).code == "budget_spent"
    clock.advance(hours=24)
    assert services.kickoff(Order("client-0")).outcome == "accepted"
