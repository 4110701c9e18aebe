"""The words of a story, its API, the command, and what to do about errors."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.conftest import Harvester
from cli.conftest import environ as environ
from cli.conftest import harvester as harvester
from factories import NOW, end_run, make_client, make_leads, make_run
from records import FULL_ID
from web.asking import Web, opened_web

from harvester import apify_errors
from harvester.ledger import Ledger, client_runs, run_events
from harvester.models import ActorRunState, ClientRunStatus
from services import remedies
from services.story import Story

REPOSITORY = Path(__file__).parent.parent.parent


def codes_in(path: Path) -> set[str]:
    """Find the error codes that a module gives actor runs: as `code=` of a call, or as a constant of one."""
    tree = ast.parse(path.read_text())
    named = {
        node.target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    given = [word.value for call in calls for word in call.keywords if word.arg in ("code", "error_code")]
    plain = {one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    constants = {named[one.id] for one in given if isinstance(one, ast.Name) and one.id in named}
    return plain | constants


def test_every_error_of_an_actor_run_has_a_remedy() -> None:
    modules = ["start", "search", "settle", "dead_letters", "quarantine"]
    found = set().union(*(codes_in(REPOSITORY / f"services/{name}.py") for name in modules))
    gateway = {
        kind.code
        for kind in vars(apify_errors).values()
        if isinstance(kind, type) and issubclass(kind, apify_errors.ApifyError) and isinstance(kind.code, str)
    }
    told = (REPOSITORY / "services/start.py").read_text() + (REPOSITORY / "services/plan.py").read_text()
    barred = set(re.findall(r'return "([a-z_]+)", f?"', told))
    ends = {f"actor_run_{one}" for one in ("failed", "timed_out", "aborted")}
    assert barred >= {"client_gone", "client_run_over", "client_inactive"}
    assert found | gateway | barred | ends <= remedies.KNOWN
    assert remedies.of("a-new-word-of-apifys").startswith("This is Apify's own word")


def at_work(ledger: Ledger) -> None:
    """A client run whose first batch is done; the second has failed, with a reason on several lines."""
    make_client(ledger)
    first, second = make_run(ledger, [make_leads(ledger), make_leads(ledger)])
    end_run(ledger, first, now=NOW, apify_status="SUCCEEDED")
    why = {"error_code": "refused", "error": "no\ncredit\x1b[31m" + "!" * 600}
    end_run(ledger, second, ActorRunState.FAILED, now=NOW, **why)


def test_the_api_tells_it_with_cursors(ledger_url: str) -> None:
    with opened_web(ledger_url) as web:
        at_work(web.ledger)
        whole = asked(web, "limit=1000")
        assert [one["kind"] for one in whole["events"]] == ["create", "ingested", "failed"]
        assert whole["nextCursor"] is None
        first = asked(web, "limit=2")
        rest = asked(web, f"limit=2&cursor={first['nextCursor']}")
        assert first["events"] + rest["events"] == whole["events"]
        long = whole["events"][-1]
        assert long["batch"] == 2
        assert long["text"].startswith("Given up: no credit")
        assert len(long["text"]) <= 500
        for wrong in ("x", "1.2.3", "1.2.3.-4", "9" * 19 + ".0.0.0"):
            answer = web.get(f"/api/runs/{FULL_ID}/events?cursor={wrong}")
            assert (answer.status_code, answer.json["code"]) == (400, "invalid_cursor")
        assert web.get("/api/runs/261122-050000-Nobody/events").status_code == 404
        assert web.get(f"/api/runs/{FULL_ID}/events", token=None).status_code == 401


def asked(web: Web, query: str) -> dict[str, Any]:
    answer = web.get(f"/api/runs/{FULL_ID}/events?{query}")
    assert answer.status_code == 200, answer.json
    return dict(answer.json)


def test_a_story_without_its_record_is_still_told(ledger: Ledger) -> None:
    with ledger.write() as tx:
        run_events.add(tx, FULL_ID, "page", "Items 1 to 3 stored", now=NOW, batch=1)
    listing = Story(ledger)(FULL_ID, limit=5)
    assert listing is not None
    assert [one["text"] for one in listing.rows] == ["Items 1 to 3 stored"]
    assert Story(ledger)("261122-050000-Nobody", limit=5) is None


@pytest.mark.parametrize("follow", [[], ["--follow"]])
def test_the_command_tells_the_same(follow: list[str], sqlite_url: str, harvester: Harvester) -> None:
    from factories import opened

    with opened(sqlite_url) as ledger:
        at_work(ledger)
        with ledger.write() as tx:
            client_runs.finish(tx, FULL_ID, status=ClientRunStatus.FAILED, now=NOW)
        listing = Story(ledger)(FULL_ID, limit=100)
    assert listing is not None
    told = harvester("logs", FULL_ID, *follow).stdout.splitlines()
    assert len(told) == len(listing.rows)
    assert "batch 2: Given up: no credit" in told[-1]
    assert "\x1b" not in told[-1]
    shown = harvester("logs", FULL_ID, "--json", *follow).stdout
    lines = [orjson.loads(line) for line in shown.splitlines()] if follow else orjson.loads(shown)
    assert lines == listing.rows
    assert "there is no client run" in harvester("logs", "nobody", *follow, code=1).stderr
