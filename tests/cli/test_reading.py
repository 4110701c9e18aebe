"""Commands that read: JSON for scripts, tables for people, and a stranger's text as no more than text."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from factories import NOW, end_run, found, make_client, make_leads, make_post, make_run

from harvester.ledger import Ledger, actor_runs, deliveries, leads, posts
from harvester.models import ActorRunState, ClientRun, DeliveryOutcome, Lead
from harvester.posts import Author
from services import run_records
from services.outcome import decide_leads, hear
from services.verdict import verdict

from .conftest import Harvester

Shown = Callable[..., Any]

#: Colours, a forged line, a forged cell, the reading direction turned round, markup, and 8-bit controls.
EVIL = "\x1b[31mred\x1b[0m\nline two\r\x9b31m | cell\u202egnp.exe [bold]bold[/bold] \x7f\u2028end"
OBEYED = ["\x1b", "\x9b", "\x7f", "\r", "\u202e", "\u2028"]


@dataclass
class Harvest:
    """A client run that is over, all of whose texts are a stranger's."""

    run: ClientRun
    lead: Lead


@pytest.fixture
def harvest(ledger: Ledger) -> Harvest:
    make_client(ledger, "Acme", name=EVIL)
    (lead,) = make_leads(ledger, "Acme", 1, name=EVIL, extra={EVIL: EVIL})
    (batch,) = make_run(ledger, [[lead]], client_id="Acme")
    with ledger.write() as tx:
        leads.claim(tx, [lead.id], client_run_id=batch.client_run_id, now=NOW)
        author = Author(EVIL, f"https://www.linkedin.com/in/{EVIL}")
        for number in range(3):
            post = make_post(f"732920700394214256{number}", text=EVIL, author=author, url=EVIL)
            posts.store(tx, batch, [found(post, lead)], now=NOW)
        deliveries.store(
            tx,
            dispatch_key="1",
            dispatch_id=EVIL,
            event_type=EVIL,
            apify_run_id=EVIL,
            actor_run_id=batch.id,
            client_id="Acme",
            outcome=DeliveryOutcome.ACCEPTED,
            headers={},
            body=EVIL,
            now=NOW,
        )
        deliveries.processed(tx, batch.id, seen=deliveries.unread(tx, batch.id), result=EVIL, now=NOW)
    end_run(ledger, batch, ActorRunState.FAILED, now=NOW, error_code="actor_run_failed", error=EVIL)
    return Harvest(_completed(ledger, batch.id, batch.client_run_id), lead)


def _completed(ledger: Ledger, row_id: int, full_id: str) -> ClientRun:
    with ledger.write() as tx:
        batch = actor_runs.get(tx, row_id)
        assert batch is not None
        decide_leads(tx, batch, hear(tx, batch, answered_all=False), now=NOW)
        run = run_records.get(tx, full_id)
        assert run is not None
        status, note = verdict(run, [batch])
        run_records.complete(tx, run, status, source="settle", note=note, now=NOW)
        ended = run_records.get(tx, full_id)
        assert ended is not None
        return ended


TABLES = [
    ["clients", "list"],
    ["clients", "show", "Acme"],
    ["leads", "list", "--client", "Acme"],
    ["runs", "261122-050000-Acme"],
    ["posts"],
    ["deliveries"],
]


@pytest.mark.parametrize("command", TABLES, ids=" ".join)
def test_a_strangers_text_stays_text_on_one_line(
    command: list[str], harvest: Harvest, harvester: Harvester
) -> None:
    shown = harvester(*command).stdout
    assert "red" in shown, "the text is not shown at all, so this test would prove nothing"
    assert not [character for character in OBEYED if character in shown]
    assert not [line for line in shown.splitlines() if line.startswith("line two")]
    assert "[bold]" in shown or "[bo" in shown, "markup was obeyed"


@pytest.mark.parametrize("command", TABLES, ids=" ".join)
def test_json_is_json_and_keeps_every_character_but_shows_none_that_is_obeyed(
    command: list[str], harvest: Harvest, harvester: Harvester
) -> None:
    printed = harvester(*command, "--json").stdout
    assert EVIL in _texts(orjson.loads(printed))
    assert not [character for character in OBEYED if character in printed]


def _texts(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    parts = value if isinstance(value, list) else [*value, *value.values()] if isinstance(value, dict) else []
    return set().union(*map(_texts, parts))


@pytest.mark.parametrize(
    "command", [["clients", "list"], ["runs"], ["status"], ["posts"], ["deliveries"]], ids=" ".join
)
def test_an_empty_ledger_can_be_read(command: list[str], harvester: Harvester, shown: Shown) -> None:
    harvester(*command)
    assert not shown(*command) or not any(shown(*command)[name] for name in ("running", "latest"))


def test_a_client_run_is_shown_with_its_actor_runs_and_errors(harvest: Harvest, shown: Shown) -> None:
    run = shown("runs", harvest.run.client_run_id)
    assert (run["status"], run["finishedAt"]) == ("Failed", "2026-11-22T05:00:00Z")
    assert run["metrics"]["postsHarvested"] == run["actorRuns"][0]["posts"] == 3
    assert run["errors"] == [
        {"actorRunId": "apify000000000001", "batch": 1, "code": "actor_run_failed", "message": EVIL}
    ]


def test_client_runs_are_narrowed_by_client_status_and_number(
    ledger: Ledger, harvest: Harvest, shown: Shown
) -> None:
    make_client(ledger, "Other")
    make_run(ledger, [make_leads(ledger, "Other")], client_id="Other", run_id="261122-060000")
    assert [one["clientId"] for one in shown("runs")] == ["Other", "Acme"]
    assert [one["clientId"] for one in shown("runs", "--limit", 1)] == ["Other"]
    assert [one["clientId"] for one in shown("runs", "--client", "Acme")] == ["Acme"]
    assert [one["clientId"] for one in shown("runs", "--status", "Running")] == ["Other"]
    status = shown("status")
    assert [one["clientId"] for one in status["running"]] == ["Other"]
    assert [one["clientId"] for one in status["latest"]] == ["Acme"]
    assert status["counters"]["actor_runs"] == {"failed": 1, "planned": 1}


def test_leads_show_their_state_and_their_last_outcome(harvest: Harvest, shown: Shown) -> None:
    (lead,) = shown("leads", "list", "--client", "Acme")
    assert (lead["linkedinProfileUrl"], lead["status"]) == (harvest.lead.profile_url, "Done")
    assert [(one["outcome"], one["postsFound"]) for one in lead["outcomes"]] == [("Done", 3)]


def test_posts_come_in_every_format(harvest: Harvest, harvester: Harvester, shown: Shown) -> None:
    whole = shown("posts")
    assert [one["postKey"][-1] for one in whole] == ["2", "1", "0"]
    assert orjson.loads(harvester("posts", "--format", "json").stdout) == whole
    lines = harvester("posts", "--format", "jsonl").stdout_bytes.split(b"\n")
    assert [orjson.loads(line) for line in lines if line] == whole
    table = list(csv.DictReader(io.StringIO(harvester("posts", "--format", "csv").stdout, newline="")))
    assert [row["postKey"] for row in table] == [one["postKey"] for one in whole]


def test_posts_are_narrowed(harvest: Harvest, shown: Shown) -> None:
    assert len(shown("posts", "--limit", 2)) == 2
    assert len(shown("posts", "--client", "Acme", "--run", harvest.run.client_run_id)) == 3
    assert shown("posts", "--client", "Other") == shown("posts", "--run", "261122-050001-Acme") == []


def test_deliveries_are_narrowed(harvest: Harvest, shown: Shown) -> None:
    assert [one["outcome"] for one in shown("deliveries", "--outcome", "accepted")] == ["accepted"]
    assert shown("deliveries", "--outcome", "unknown_run") == []


@pytest.mark.parametrize(
    "command",
    [
        ["runs", "--limit", "0"],
        ["runs", "--limit", "1001"],
        ["runs", "--status", "Done"],
        ["posts", "--limit", "0"],
        ["posts", "--limit", "99999999999999999999"],
        ["posts", "--format", "xml"],
        ["deliveries", "--outcome", "lost"],
    ],
    ids=" ".join,
)
def test_a_bad_option_is_a_bad_argument(command: list[str], harvester: Harvester) -> None:
    harvester(*command, code=2)


def test_an_unknown_client_run_fails_by_name(harvester: Harvester) -> None:
    assert "no client run 261122-050000-X" in harvester("runs", "261122-050000-X", code=1).stderr
