"""What `/metrics` says is what happened, costs no scan of a large table, and is the sum of all workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import NOW, FakeClock, end_run, make_client, make_leads, make_run
from flow.processes import process
from flow.stage import call, staged
from sqlalchemy import event, insert
from web.asking import Web, ended, opened_web, shut

from harvester.ledger import Ledger, actor_runs, airtable_meter, tables
from services.counters import Counters

from .conftest import AIRTABLE
from .scraping import Scrape

#: Tables that stay small whatever is harvested: these may be read from end to end.
SMALL = {"airtable_calls", "alerts", "locks", "pauses", "airtable_slots", "alembic_version"}


def test_a_harvest_is_counted_as_it_happened(sqlite_url: str) -> None:
    with staged(sqlite_url) as stage:
        run = stage.harvest("amara", "björn")
        stage.work(lambda: stage.deliveries() and all(one["processedAt"] for one in stage.deliveries()))
        idle = stage.agency(client_id="Idle", daily_target=0)
        skipped = stage.api("POST", "/api/apify/process-client", {"clientId": idle})
        assert skipped.json["code"] == "no_target"
        assert stage.api("POST", "/api/apify/process-client", {"clientId": "nobody"}).status == 404
        told = Scrape(stage.api("GET", "/metrics").body.decode())
        assert told("harvester_posts_total") == len(stage.posts()) > 0
        assert told("harvester_cost_usd_total") == pytest.approx(stage.sandbox.ledger().charged_usd)
        assert told("harvester_actor_runs", state="ingested") == run["metrics"]["actorRuns"]
        assert told("harvester_client_runs", status="Completed") == 1
        assert told("harvester_client_run_records_total", outcome="created") == 1
        assert told("harvester_deliveries_total", outcome="accepted") == len(stage.deliveries())
        assert told("harvester_webhook_ack_seconds_count") == len(stage.deliveries())
        answers = {"accepted": 1, "no_target": 1, "client_not_found": 1}
        assert {name: told("harvester_kickoffs_total", answer=name) for name in answers} == answers
        assert told("harvester_kickoffs_total") == 3
        assert told("harvester_http_requests_total", route="/api/apify-webhook", status="200") >= 1


def test_waits_are_those_of_rows_that_nobody_works_on(ledger: Ledger, clock: FakeClock) -> None:
    counters = Counters(ledger, clock, mirrored=False)
    make_client(ledger)
    leads = make_leads(ledger, count=3)
    first, second, third = make_run(ledger, [[lead] for lead in leads])
    assert counters().waits == {"start": 0.0, "step": 0.0}
    clock.advance(seconds=90)
    assert counters().waits == {"start": 90.0, "step": 0.0}
    now = clock()
    for run in (first, second):
        with ledger.write() as tx:
            held = actor_runs.claim(tx, run.id, owner="t", now=now, until=now + timedelta(seconds=9))
            assert held is not None
            due_at = now + timedelta(seconds=30)
            state = held.state if run is second else type(held.state).RUNNING
            actor_runs.move(tx, held, state, now=now, next_check_at=due_at, apify_run_id=f"apify{run.id:012}")
    end_run(ledger, third, now=now)
    assert counters().waits == {"start": 0.0, "step": 0.0}
    clock.advance(seconds=70)
    assert counters().waits == {"start": 40.0, "step": 40.0}
    with ledger.write() as tx:
        assert actor_runs.claim(tx, first.id, owner="t", now=clock(), until=clock() + timedelta(seconds=9))
    assert counters().waits == {"start": 40.0, "step": 0.0}


def test_what_airtable_is_owed_and_was_asked(counting: Web) -> None:
    columns = {"base": "appMasterClients0", "kind": "client_run", "changed_at": NOW, "state": "ok"}
    due = {"due_at": NOW, "state": "ok"}
    with counting.ledger.write() as tx:
        rows = [{**columns, "key": f"k{i}", **(due if i < 3 else {"due_at": None})} for i in range(5)]
        tx.execute(insert(tables.metadata.tables["outbox"]), [_an_hour_before(rows[0]), *rows[1:]])
        for month in (NOW, NOW + timedelta(days=40)):
            airtable_meter.count(tx, "appMasterClients0", now=month)
        airtable_meter.refused(tx, "appMasterClients0", now=NOW)
    counters = Counters(counting.ledger, lambda: NOW + timedelta(minutes=1), mirrored=True)
    found = counters().airtable
    assert found is not None
    assert (found.rows["waiting"], found.owed_seconds) == (3, 3_660.0)
    assert (found.requests, found.refused) == (2, 1)


def _an_hour_before(row: dict[str, object]) -> dict[str, object]:
    return {**row, "changed_at": NOW - timedelta(hours=1)}


@contextmanager
def statements_of(ledger: Ledger) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is executed meanwhile."""
    found: list[tuple[str, Any]] = []
    engine = ledger._database.engine

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        found.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_no_scrape_reads_a_large_table_row_by_row(sqlite_url: str) -> None:
    """An index may be read from end to end; the rows themselves, with texts and raw items, may not."""
    with opened_web(sqlite_url, **AIRTABLE) as web:
        with statements_of(web.ledger) as statements:
            assert web.get("/metrics").status_code == 200
        looks = [one for one in statements if re.match(r"SELECT\b.*\bFROM\b", one[0], re.DOTALL)]
        assert len(looks) > 10
        with web.ledger.read() as tx:
            for statement, parameters in looks:
                plan = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                for step in plan:
                    scanned = re.fullmatch(r"SCAN (\w+)", step.detail)
                    assert scanned is None or scanned[1] in SMALL or "subquery" in step.detail, (
                        statement,
                        step.detail,
                    )


def test_a_ledger_out_of_reach_is_a_number_too(postgres_url: str) -> None:
    with opened_web(postgres_url) as web:
        assert Scrape(web.get("/metrics").text)("harvester_ledger_up") == 1
        with shut(web):
            answer = web.get("/metrics")
            told = Scrape(answer.text)
            assert answer.status_code == 200
            assert told("harvester_ledger_up") == 0
            assert "harvester_posts_total" not in told.names
            assert told("harvester_http_requests_total", route="/metrics") == 1


def test_labels_are_ours_whatever_is_asked(counting: Web) -> None:
    """A path, method or body of a stranger's never becomes a time series of its own."""
    for number in range(20):
        counting.ask("GET", f"/api/nothing/{number}", token=None)
        counting.ask(f"X{number}", "/api/runs", token=None)
        counting.hook(ended(f"run{number}"), token="wrong")
    told = Scrape(counting.get("/metrics").text)
    requests = [one for one in told.samples if one.name == "harvester_http_requests_total"]
    assert len(requests) < 8
    assert told("harvester_http_requests_total", route="none", method="GET") == 20
    assert told("harvester_http_requests_total", method="other") == 20


@pytest.mark.slow
def test_each_worker_of_a_server_tells_the_sum_of_all(tmp_path: Path, sqlite_url: str) -> None:
    with process("serve", tmp_path, sqlite_url, web_workers=3, tmpdir=tmp_path) as web:
        web.wait_until_ready()
        url = web.settings.public_url
        before = Scrape(call("GET", f"{url}/metrics").body.decode())
        for _ in range(30):  # each on a connection of its own, to whichever worker takes it
            assert call("GET", f"{url}/healthz").status == 200
        for _ in range(10):
            told = Scrape(call("GET", f"{url}/metrics").body.decode())
            assert told("harvester_http_requests_total", route="/healthz") == 30
        assert before("harvester_http_requests_total", route="/healthz") == 0
        assert told("harvester_http_requests_total", route="/metrics") == 10
        assert list(tmp_path.glob("harvester-metrics-*"))
    assert not list(tmp_path.glob("harvester-metrics-*"))
