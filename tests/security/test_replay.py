"""A webhook call that somebody recorded and plays again: the store stays as it was, byte for byte."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from flow.stage import Stage, staged
from sqlalchemy import inspect, select, text

from harvester.ledger import Ledger, tables
from routes import create_app
from services.terms import WEBHOOK_PATH

#: What a harvest has brought, is counted for and has cost.
BROUGHT: Final = {"posts", "sightings", "rejects", "leads", "lead_outcomes", "job_runs", "idempotency_keys"}
#: Of an actor run and a client run, what is more than that somebody looked at it.
FACTS: Final = {
    "actor_runs": ("state", "attempt", "apify_run_id", "dataset_id", "cursor", "cost_micros", "error_code"),
    "client_runs": ("status", "finished_at", "posts_harvested", "posts_new", "items_rejected", "cost_micros"),
}


def stored(ledger: Ledger) -> dict[str, list[str]]:
    """Give every row of every table that the database has, known to us or not."""
    with ledger.read() as tx:
        names = inspect(tx.connection).get_table_names()
        rows = {name: tx.execute(text(f'select * from "{name}"')).all() for name in names}
    return {name: sorted(map(repr, found)) for name, found in rows.items()}


def facts(ledger: Ledger) -> dict[str, list[Any]]:
    """Give what a harvest has brought and cost."""
    with ledger.read() as tx:
        found = {name: rows for name, rows in stored(ledger).items() if name in BROUGHT}
        for name, columns in FACTS.items():
            table = tables.metadata.tables[name]
            chosen = [table.c[column] for column in columns]
            found[name] = [repr(row) for row in tx.execute(select(*chosen).order_by(table.c.id))]
    return found


def recorded(stage: Stage) -> tuple[str, dict[str, str]]:
    """Harvest two people. Gives the only webhook call as it came, with the token that it came with."""
    assert stage.harvest("ann", "bob")["metrics"]["postsHarvested"]
    stage.work(lambda: stage.deliveries() and all(one["processedAt"] for one in stage.deliveries()))
    with stage.ledger.read() as tx:
        kept = tx.execute(select(tables.deliveries)).one()
    headers = {"X-Apify-Webhook-Dispatch-Id": kept.dispatch_id, "Authorization": f"Bearer {stage.token()}"}
    return kept.body, headers


def played(stage: Stage, body: str, headers: dict[str, str], times: int) -> Counter[tuple[int, str]]:
    """Play a call so often, to the application itself: sockets add nothing to what is asked here."""
    http = create_app(stage.web).test_client()
    how: dict[str, Any] = {"data": body, "content_type": "application/json", "headers": headers}
    answers = [http.post(WEBHOOK_PATH, **how) for _ in range(times)]
    return Counter((answer.status_code, answer.get_json()["outcome"]) for answer in answers)


def test_a_delivery_that_is_played_again_changes_no_byte(ledger_url: str) -> None:
    """Five hundred times at once, and once more after 49 hours; nor does anything come of it later."""
    with staged(ledger_url) as stage:
        body, headers = recorded(stage)
        before = stored(stage.ledger)
        assert before["posts"]
        assert played(stage, body, headers, 500) == {(200, "duplicate"): 500}
        assert stored(stage.ledger) == before
        stage.clock.skip(hours=49)
        assert played(stage, body, headers, 1) == {(200, "duplicate"): 1}
        assert stored(stage.ledger) == before
        calls = stage.sandbox.ledger()
        known = facts(stage.ledger)
        for _ in range(20):
            stage.turn()
        assert facts(stage.ledger) == known
        assert stage.sandbox.ledger().starts == calls.starts


def test_a_delivery_under_another_name_brings_nothing_and_starts_nothing(sqlite_url: str) -> None:
    """With the dispatch ID changed it is another delivery: Apify is asked, and has nothing new."""
    with staged(sqlite_url) as stage:
        body, headers = recorded(stage)
        known, starts = facts(stage.ledger), stage.sandbox.ledger().starts
        named = [{**headers, "X-Apify-Webhook-Dispatch-Id": f"Another{number:010}"} for number in range(20)]
        for one in named:
            assert played(stage, body, one, 1) == {(200, "accepted"): 1}
        stage.work(lambda: all(one["processedAt"] for one in stage.deliveries()))
        assert facts(stage.ledger) == known
        assert stage.sandbox.ledger().starts == starts
        assert {one["result"] for one in stage.deliveries()[1:]} == {"nothing new"}


def test_a_delivery_of_one_actor_run_is_nothing_to_another(sqlite_url: str) -> None:
    """Nor with the names exchanged: the token of one proves nothing about the other, whatever the time."""
    with staged(sqlite_url) as stage:
        body, headers = recorded(stage)
        own = stage.row()["apify_run_id"]
        other = stage.finish(stage.kickoff(stage.agency("cyd", client_id="Bo")))["actorRuns"][0]["actorRunId"]
        before = stored(stage.ledger)
        anew = {**headers, "X-Apify-Webhook-Dispatch-Id": "AnotherDispatchId"}
        http = create_app(stage.web).test_client()
        swapped = body.replace(own, other)
        assert swapped != body
        refused = http.post(WEBHOOK_PATH, data=swapped, content_type="application/json", headers=anew)
        assert refused.status_code == 401
        assert stored(stage.ledger) == before
