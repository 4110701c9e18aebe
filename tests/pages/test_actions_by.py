"""Whoever does something is named in the activity log: over the API as well as by a command or a page."""

from __future__ import annotations

from sqlalchemy import select, update
from web.asking import Web, ended

from harvester.ledger import tables


def names(web: Web) -> set[tuple[str, str]]:
    """Give the operations of the activity log that persons asked for, each with who did."""
    table = tables.activity
    with web.ledger.read() as tx:
        found = tx.execute(select(table.c.operation, table.c.source))
        return {(row.operation, row.source) for row in found if row.operation not in ("create", "update")}


def test_what_is_done_over_the_api_leaves_a_line(page_web: Web) -> None:
    web = page_web
    run = web.at_work()
    web.hook(ended(), token=web.sign(run), dispatch="AbCdEfGhIjKlMnOpQ")
    asked = [
        "/api/deliveries/1/replay",
        "/api/reconcile",
        f"/api/runs/{run.client_run_id}/cancel",
        "/api/starts/pause",
        "/api/starts/resume",
        "/api/apify/process",
        "/api/smart-resume",
    ]
    for path in asked:
        assert web.post(path, {}).status_code in (200, 202), path
    assert web.ask("DELETE", "/api/smart-resume").status_code == 200
    for what in ("replay", "discard"):
        with web.ledger.write() as tx:
            parked = {"parked_at": web.services.clock(), "parked_error": "x", "next_check_at": None}
            tx.execute(update(tables.actor_runs).values(**parked))
        assert web.post(f"/api/dead-letters/{run.id}/{what}").status_code == 200
    done = {"kickoff", "replay", "reconcile", "cancel", "pause", "lift pause", "process", "resume"}
    assert {(one, "api") for one in done | {"end resume", "discard"}} <= names(web)
    assert {who for _, who in names(web)} <= {"api", "settle"}
