"""Now: what needs a person is named once, sums are those of each client's own day, and no look scans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from factories import (
    NOW,
    FakeClock,
    end_run,
    make_client,
    make_leads,
    make_limits,
    make_run,
    on_one_ledger,
)
from hypothesis import given, settings
from machine.world import emptied
from sqlalchemy import event, insert, update
from web.asking import Web, opened_web

from harvester.ledger import (
    Ledger,
    airtable_slots,
    airtable_tables,
    alerts,
    job_tables,
    locks,
    pauses,
    tables,
)
from harvester.ledger.mirroring import Kind
from harvester.models import ActorRunState, ClientRunStatus
from services.board import Board
from services.pulse import Pulse

from .history import past_run
from .operator import Operator, page_settings, text_of

#: By any name that a statement of ours gives them.
GROWING = {"actor_runs", "client_runs", "posts", "leads", "lead_outcomes", "sightings", "outbox", "later"}
ZONES = ("UTC", "Europe/Oslo", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati")
FAILED, ERRORS, DONE = (
    ClientRunStatus.FAILED,
    ClientRunStatus.COMPLETED_WITH_ERRORS,
    ClientRunStatus.COMPLETED,
)


def board(ledger: Ledger, clock: FakeClock, **options: Any) -> dict[str, Any]:
    """Look at the board, with the default limits, while a worker is at work."""
    Pulse(ledger, clock)(True)
    options = {"mirrored": False, "max_in_flight": 5, **options}
    return Board(ledger, make_limits().budgets, clock, **options)()


def matters(ledger: Ledger, clock: FakeClock, **options: Any) -> list[tuple[str, str | None]]:
    """Name what needs a person: kind and client."""
    return [(one["kind"], one["clientId"]) for one in board(ledger, clock, **options)["matters"]]


def bring_up(ledger: Ledger, key: str, text: str) -> None:
    """Let an alert stand."""
    with ledger.write() as tx:
        alerts.bring_up(tx, key, text, now=NOW, again_after=None)


@contextmanager
def statements(web: Web) -> Iterator[list[tuple[str, Any]]]:
    """Note each statement that is run, with its values."""
    found: list[tuple[str, Any]] = []

    def note(conn: Any, cursor: Any, statement: str, values: Any, context: Any, many: bool) -> None:
        found.append((statement, values))

    engine = web.ledger._database.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_of_an_empty_ledger_it_says_that_all_is_well(operator: Operator) -> None:
    told = text_of(operator.get("/"))
    assert "All is well. Client runs today: none has ended yet." in told
    assert "What needs you" not in told
    assert "There is no active client yet." in told
    assert "Add a client" in told
    assert "no schedule" in told


RUNS = st.lists(
    st.tuples(
        st.sampled_from(ZONES),
        st.integers(0, 60 * 60),
        st.integers(0, 9),
        st.sampled_from(list(ClientRunStatus)),
    ),
    max_size=8,
)


@settings(on_one_ledger, max_examples=12)
@given(runs=RUNS, hour=st.integers(0, 23))
def test_today_is_each_clients_own_day(ledger: Ledger, runs: list[Any], hour: int) -> None:
    emptied(ledger)
    now = NOW.replace(hour=hour, minute=30)
    expected = {"posts": 0, "postsNew": 0, "costUsd": 0.0}
    by_status = dict.fromkeys(ClientRunStatus, 0)
    for number, (zone, minutes, posts, status) in enumerate(runs):
        client_id, at = f"c{number}", now - timedelta(minutes=minutes)
        make_client(ledger, client_id, timezone=zone, status="Active" if number % 2 else "Paused")
        full_id = past_run(ledger, client_id, at, status, posts_harvested=posts, posts_new=posts // 2)
        with ledger.write() as tx:
            row = {"marker": full_id, "client_run_id": full_id, "client_id": client_id, "batch": 1}
            sent = {"start_requested_at": at, "cost_micros": posts * 1_000, "created_at": at}
            fixed = {"state": "ingested", "actor_id": "a", "max_posts": 2, "profiles": 1}
            tx.execute(insert(tables.actor_runs).values(**row, **sent, **fixed))
        if at.astimezone(ZoneInfo(zone)).date() == now.astimezone(ZoneInfo(zone)).date():
            by_status[status] += 1
            expected["costUsd"] += posts / 1_000
            if number % 2 == 0:  # not harvested any more: it has no target
                continue
            expected["posts"] += posts
            expected["postsNew"] += posts // 2
    found = board(ledger, FakeClock(now))["today"]
    assert found["clientRuns"] == by_status
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    active = len(runs) // 2
    assert (found["clients"], found["postsTarget"]) == (active, active * 10)
    assert found["budgetUsd"] == pytest.approx(active * 5)


def test_a_client_that_failed_is_named_once_until_something_better_comes(
    ledger: Ledger, clock: FakeClock
) -> None:
    at = NOW - timedelta(hours=3)
    for name in ("Ann", "Bea", "Cyd", "Dan"):
        make_client(ledger, name)
    past_run(ledger, "Ann", at - timedelta(hours=1), FAILED, system_notes="[2026-11-22T01:00:00Z] first.")
    latest = past_run(ledger, "Ann", at, ERRORS, system_notes="x\n[2026-11-22T02:00:00Z] one of two failed.")
    past_run(ledger, "Bea", at, FAILED)
    past_run(ledger, "Bea", at + timedelta(hours=1), DONE)
    past_run(ledger, "Cyd", NOW - timedelta(hours=25), FAILED)
    past_run(ledger, "Dan", at, FAILED)
    bring_up(ledger, "client Dan failed", "Client Dan: client run 261122-020000-Dan ended Failed: no")
    found = board(ledger, clock)["matters"]
    assert [(one["kind"], one["clientId"]) for one in found] == [("failed", "Dan"), ("failed", "Ann")]
    assert [one["clientRunId"] for one in found] == ["261122-020000-Dan", latest]
    assert found[1]["text"].startswith("one of two failed. Nothing of this client has completed since")


def test_of_very_many_failures_some_are_shown_and_that_there_is_more(
    ledger: Ledger, clock: FakeClock
) -> None:
    for number in range(11):
        assert not board(ledger, clock)["moreMatters"]
        past_run(ledger, f"c{number}", NOW - timedelta(hours=1), FAILED)
    found = board(ledger, clock)
    assert (len(found["matters"]), found["moreMatters"]) == (10, True)


def test_a_failure_for_want_of_money_is_told_by_the_budget(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger, "Ann")
    past_run(ledger, "Ann", NOW - timedelta(hours=1), ERRORS)
    bring_up(ledger, "budget of Ann 2026-11-22", "The budget of the day of client Ann is spent: 5 of 5")
    bring_up(ledger, "budget of 2026-11", "The account's budget of the month is spent")
    assert matters(ledger, clock) == [("budget", None), ("budget", "Ann")]
    assert not any(one["urgent"] for one in board(ledger, clock)["matters"])


def test_everything_that_is_wrong_is_named_the_worst_first(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger, "Ann")
    runs = make_run(ledger, [[lead] for lead in make_leads(ledger, "Ann", 2)], client_id="Ann")
    with ledger.write() as tx:
        parked = {"parked_at": NOW, "parked_error": "the dataset cannot be read"}
        tx.execute(update(tables.actor_runs).values(**parked))
        locks.extend(tx, "outage of Apify", until=NOW, times=3, reason="timed out")
        pauses.put(tx, pauses.Pause("Ann", NOW, "holidays", "Bob"))
        pauses.put(tx, pauses.Pause(pauses.ALL, NOW, "all", "Bob"))
        slot = airtable_slots.made(tx, "appX", now=NOW)
        airtable_slots.block(tx, slot, until=NOW + timedelta(hours=1), reason="HTTP 503", failures=3)
        rows = [{"key": f"k{n}", "state": state} for n, state in enumerate(("parked", "parked", "missing"))]
        fixed = {"base": "appX", "kind": Kind.LEAD, "changed_at": NOW}
        tx.execute(insert(airtable_tables.outbox), [{**fixed, **row} for row in rows])
    bring_up(ledger, "nothing ran", "Nothing was harvested for 30.0 hours")
    bring_up(ledger, f"dead letter {runs[0].id}", f"Batch 1 of {runs[0].client_run_id} was given up")
    assert matters(ledger, clock, mirrored=True) == [
        ("outage", None),
        ("outage", None),
        ("deadLetter", "Ann"),
        ("deadLetter", "Ann"),
        ("alert", None),
        ("airtable", None),
        ("airtable", None),
        ("pause", "Ann"),
    ]
    letters = [one for one in board(ledger, clock)["matters"] if one["kind"] == "deadLetter"]
    assert sorted(one["deadLetterId"] for one in letters) == [run.id for run in runs], "each once"
    bring_up(ledger, "apify outage", "Apify cannot be asked since 04:00 UTC")
    assert [kind for kind, _ in matters(ledger, clock)].count("outage") == 1


def test_what_is_at_work_says_how_far_it_is(ledger: Ledger, clock: FakeClock) -> None:
    make_client(ledger)
    runs = make_run(ledger, [[lead] for lead in make_leads(ledger, count=4)])
    end_run(ledger, runs[0], now=NOW)
    end_run(ledger, runs[1], ActorRunState.FAILED, now=NOW)
    end_run(ledger, runs[2], ActorRunState.RUNNING, now=NOW)
    found = board(ledger, clock)["atWork"]
    (run,) = found["runs"]
    assert run["progress"] == {"batches": 4, "over": 2, "atWork": 1, "waiting": 1, "parked": 0}
    assert (found["clientRuns"], found["actorRuns"], found["mostActorRuns"], found["waiting"]) == (1, 1, 5, 1)


def test_a_schedule_tells_when_it_is_late_and_when_nobody_took_it_up(
    ledger: Ledger, clock: FakeClock
) -> None:
    assert board(ledger, clock, scheduled=True)["schedule"] == {
        "name": None,
        "nextAt": None,
        "overdue": False,
        "last": None,
        "set": True,
    }
    job = {"source": "schedule", "status": "Completed", "started_at": NOW}
    times = {"expression": "0 5 * * *", "timezone": "UTC"}
    with ledger.write() as tx:
        soon = {"name": "all", "next_at": NOW + timedelta(minutes=1)}
        later = {"name": "client Ann", "next_at": NOW + timedelta(hours=1)}
        tx.execute(insert(job_tables.schedules), [{**times, **one} for one in (later, soon)])
        jobs = [("261121-050000", "all"), ("261120-050000", "all"), ("261122-040000", None)]
        tx.execute(insert(job_tables.job_runs), [{**job, "run_id": run, "schedule": by} for run, by in jobs])
    found = board(ledger, clock)["schedule"]
    assert (found["name"], found["overdue"], found["last"]["runId"]) == ("all", False, "261121-050000")
    clock.advance(minutes=2)
    assert board(ledger, clock)["schedule"]["overdue"]


def test_the_page_leads_to_what_helps_and_stays_whole(operator: Operator) -> None:
    ledger, now = operator.web.ledger, datetime.now(UTC).replace(microsecond=0)
    Pulse(ledger, operator.web.services.clock)(True)
    make_client(ledger, "Ann", name='<script>alert("x")</script>')
    full_id = past_run(ledger, "Ann", now - timedelta(minutes=30), FAILED, system_notes='<img src="x">')
    past_run(ledger, "Ann", now, ClientRunStatus.RUNNING, client_name="<b>Ann</b>")
    bring_up(ledger, "odd & <i>", f"About {full_id}: <script>")
    with ledger.write() as tx:
        pauses.put(tx, pauses.Pause("Ann", now, "'\"><svg onload=x>", "Bob"))
    page = operator.get("/")
    for link in (
        f"/runs/{full_id}",
        f"/runs/{full_id}/retry",
        "/clients/Ann/unpause",
        "/alerts/over?key=odd",
    ):
        assert f'href="{link}' in page
    assert "3 matters to look at." in text_of(page)
    assert "1 failed; 1 at work now." in text_of(page)
    for mark in ("<script>", '<img src="x"', "<b>Ann", "<svg onload", "<i>"):
        assert mark not in page
    assert len(page.encode()) < 100_000


def test_no_look_goes_through_a_table_that_grows(sqlite_url: str) -> None:
    """But for the newest client runs that are over, where a few rows from the end are read."""
    paths = (
        "/",
        "/clients",
        "/clients?q=a",
        "/clients/Ann",
        "/clients/Ann/leads",
        "/clients/Ann/leads?status=Done",
    )
    with opened_web(sqlite_url, **page_settings(), monthly_budget_usd=100) as web:
        operator = Operator(web)
        operator.sign_in()
        make_client(web.ledger, "Ann")
        make_run(web.ledger, [make_leads(web.ledger, "Ann", 3)], client_id="Ann")
        past_run(web.ledger, "Ann", NOW - timedelta(hours=1), FAILED)
        for path in paths:
            with statements(web) as found:
                operator.get(path)
            assert 3 < len(found) < 40, (path, len(found))
            for statement, values in found:
                assert not set(scanned(web.ledger, statement, values)) & GROWING, (path, statement)


def scanned(ledger: Ledger, statement: str, values: Any) -> Iterator[str]:
    """Name the tables of which SQLite goes through all rows."""
    if not statement.startswith("SELECT") or "client_runs.status !=" in statement:
        return
    with ledger.read() as tx:
        for step in tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values):
            whole = re.fullmatch(r"SCAN (\w+)", step.detail)
            if whole:
                yield whole[1]


def test_without_a_worker_it_says_so_where_somebody_waits_for_one(page_web: Web, operator: Operator) -> None:
    assert "No worker is at work" not in operator.get("/")
    page_web.at_work()
    told = text_of(operator.get("/"))
    assert "No worker is at work" in told
    assert "Start one: harvester worker" in told
    assert "All is well" not in told
    Pulse(page_web.ledger, page_web.services.clock)(True)
    assert "No worker is at work" not in operator.get("/")


def test_what_ended_last_stands_first(ledger: Ledger) -> None:
    for number, client_id in enumerate(("Ann", "Bob", "Cid")):
        make_client(ledger, client_id)
        at = NOW - timedelta(hours=5 - number)
        past_run(ledger, client_id, at, ClientRunStatus.COMPLETED)
    with ledger.write() as tx:
        tx.execute(
            tables.client_runs.update()
            .where(tables.client_runs.c.client_id == "Ann")
            .values(finished_at=NOW - timedelta(minutes=1))
        )
    assert [run["clientId"] for run in board(ledger, FakeClock(NOW))["ended"]] == ["Ann", "Cid", "Bob"]
