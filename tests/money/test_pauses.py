"""The switch that stops starts: at once, for all or for one, and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from factories import FakeClock, make_client, make_leads, make_settings
from machine.workers import Mortal
from sqlalchemy import select

from harvester.ledger import Ledger, tables
from harvester.ledger.pauses import ALL
from services import Services, build
from services.kickoff import Order, UnknownClient

from .till import Till


def built(ledger: Ledger, clock: FakeClock, till: Till) -> Services:
    """Build services for two clients of eight batches each."""
    for client_id in ("Ada", "Bob"):
        make_client(ledger, client_id, batch_size=1, daily_target=16)
        for lead in make_leads(ledger, client_id, 8):
            till.clients[lead.profile_url] = client_id
    timers = {"reconcile_seconds": 20, "lease_seconds": 10_000}
    wanted = make_settings(max_actor_runs=50, daily_budget_usd="100", **timers)
    return build(wanted, clock=clock, apify=till, ledger=ledger)


def attempts(ledger: Ledger) -> dict[str, list[int]]:
    """Give the attempts of each client's batches."""
    found: dict[str, list[int]] = {"Ada": [], "Bob": []}
    with ledger.read() as tx:
        for row in tx.execute(select(tables.actor_runs).order_by(tables.actor_runs.c.id)):
            assert row.failures == 0
            found[row.client_id].append(row.attempt)
    return found


@contextmanager
def working(services: Services, workers: int) -> Iterator[None]:
    """Have so many threads do what is due, for the length of a `with` block."""
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            services.tick(services.advance)
            over.wait(0.005)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.005)


def test_no_start_is_reserved_once_pause_has_returned(ledger: Ledger, clock: FakeClock) -> None:
    till = Till(clock)
    services = built(ledger, clock, till)
    till.arrived = lambda _client: time.sleep(0.02)
    for client_id in ("Ada", "Bob"):
        services.kickoff(Order(client_id))
    with working(services, 3):
        until(lambda: len(till.began) >= 2)
        services.pauses.pause(reason="costs", by="test")
        then = attempts(ledger)
        clock.advance(seconds=60)
        time.sleep(0.3)
        now = attempts(ledger)
        assert all(now[one][place] <= most for one in then for place, most in enumerate(then[one]))
        assert 2 <= sum(map(sum, then.values())) < 16
        assert services.pauses.lift(by="test")

        def all_started() -> bool:
            clock.advance(seconds=1)
            return attempts(ledger) == {"Ada": [1] * 8, "Bob": [1] * 8}

        until(all_started)


@pytest.mark.parametrize("stop", ["pause", "cancel"])
def test_a_start_that_was_intended_before_is_not_sent_after(
    ledger_url: str, clock: FakeClock, stop: str
) -> None:
    """On a busy machine time goes by between the intent and the call."""
    till, ledger = Till(clock), Mortal(ledger_url)
    services = built(ledger, clock, till)
    full_id = services.kickoff(Order("Ada")).client_run_id

    def stopped() -> None:
        ledger.committed = lambda: None
        with ledger.read() as tx:
            states = set(tx.execute(select(tables.actor_runs.c.state)).scalars())
        if "starting" not in states:
            ledger.committed = stopped
        elif stop == "pause":
            services.pauses.pause(by="test")
        else:
            services.cancel(str(full_id), by="test")

    ledger.committed = stopped
    for _ in range(4):
        services.tick(services.advance)
        clock.advance(seconds=15)
    assert not till.began
    assert attempts(ledger)["Ada"] == [0] * 8
    if stop == "pause":
        assert services.pauses.lift(by="test")
        services.tick(services.advance)
        assert len(till.began) == 8
    (run,) = services.overview.runs(limit=1).rows
    assert run["status"] == ("Running" if stop == "pause" else "Cancelled")
    ledger.close()


def test_a_paused_client_waits_alone_and_kickoffs_are_taken(ledger: Ledger, clock: FakeClock) -> None:
    till = Till(clock)
    services = built(ledger, clock, till)
    services.pauses.pause("Ada", by="test")
    assert [services.kickoff(Order(one)).outcome for one in ("Ada", "Bob")] == ["accepted", "accepted"]
    for _ in range(3):
        services.tick(services.advance)
        clock.advance(seconds=60)
    assert attempts(ledger) == {"Ada": [0] * 8, "Bob": [1] * 8}
    for run_id in till.running():
        till.close(run_id, 0.001)
    for _ in range(4):
        clock.advance(seconds=60)
        services.tick(services.advance)
    (run,) = services.overview.runs(limit=5, client_id="Bob").rows
    assert run["status"] == "Completed"


def test_a_client_run_that_times_out_while_paused_says_so(ledger: Ledger, clock: FakeClock) -> None:
    services = built(ledger, clock, Till(clock))
    services.pauses.pause(reason="costs", by="api")
    services.kickoff(Order("Ada"))
    for _ in range(3):
        clock.advance(hours=13)
        services.tick(services.advance)
    (run,) = services.overview.runs(limit=1).rows
    assert run["status"] == "Failed"
    assert "starts of all clients are paused since 2026-11-22 05:00 UTC (by api): costs" in run["systemNotes"]


def test_pausing_and_lifting_are_said_once_and_kept_with_who_did_it(ledger: Ledger, clock: FakeClock) -> None:
    services = built(ledger, clock, Till(clock))
    first = services.pauses.pause(reason="costs", by="api")
    assert services.pauses.pause(reason="another", by="command") == first
    with pytest.raises(UnknownClient):
        services.pauses.pause("Nobody", by="api")
    services.pauses.pause("Bob", by="command")
    assert [pause.scope for pause in services.pauses.standing()] == [ALL, "Bob"]
    assert services.pauses.lift(by="api")
    assert not services.pauses.lift(by="api")
    with ledger.read() as tx:
        said = [(row.operation, row.source, row.client_id) for row in tx.execute(select(tables.activity))]
    assert said == [("pause", "api", None), ("pause", "command", "Bob"), ("lift pause", "api", None)]


def test_a_reason_is_kept_as_one_line_that_both_databases_can_hold(ledger: Ledger, clock: FakeClock) -> None:
    pauses = built(ledger, clock, Till(clock)).pauses
    assert pauses.pause(reason="a\0b\x1b[31m\nc", by="api").reason == "a\ufffdb [31m c"
    assert len(pauses.pause("Ada", reason="y" * 10_000, by="api").reason) == 500
    assert pauses.pause("Bob", reason="\n \t", by="api").reason == "no reason given"
    for name in ("\0", "*x", "", " Ada"):
        with pytest.raises(UnknownClient):
            pauses.pause(name, by="api")
        with pytest.raises(UnknownClient):
            pauses.lift(name, by="api")
    assert len(pauses.standing()) == 3
