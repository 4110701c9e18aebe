"""Reconcile, replay, dead letters as commands: what was done is told, whatever Apify or the reader does."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from factories import end_run, make_client, make_leads, make_run
from sqlalchemy import select, update

from harvester.ledger import Ledger, deliveries, locks, tables
from harvester.models import ActorRunState, DeliveryOutcome
from harvester.sandbox.apify import SandboxApify

from .conftest import Harvester
from .processes import HARVESTER, SECRETS, Processes, environment

Shown = Callable[..., Any]
#: Not due for a while, as rows that wait for a webhook are.
LATER = timedelta(seconds=300)


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def working(ledger: Ledger) -> list[int]:
    """Two actor runs at work at Apify, and a lead that was left behind. Gives the rows' IDs."""
    make_client(ledger)
    first, second, left = make_leads(ledger, count=3)
    now = datetime.now(UTC)
    batches = make_run(ledger, [[first], [second]], now=now)
    for batch in batches:
        end_run(ledger, batch, ActorRunState.RUNNING, now=now)
    with ledger.write() as tx:
        tx.execute(update(tables.actor_runs).values(next_check_at=now + LATER))
        tx.execute(update(tables.leads).where(tables.leads.c.id == left.id).values(status="Processing"))
    return [batch.id for batch in batches]


def row(ledger: Ledger, row_id: int) -> Any:
    with ledger.read() as tx:
        return tx.execute(select(tables.actor_runs).where(tables.actor_runs.c.id == row_id)).one()


@pytest.mark.parametrize("how", ["refuses connections", "never answers", "answers 503"])
def test_without_apify_reconcile_says_what_it_did_and_what_it_could_not_do(
    how: str,
    working: list[int],
    ledger: Ledger,
    silent: str,
    environ: dict[str, str],
    harvester: Harvester,
    shown: Shown,
) -> None:
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify:
        apify.inject("server-error", status=503, times=None)
        urls = {
            "refuses connections": "http://127.0.0.1:9",
            "never answers": silent,
            "answers 503": apify.url,
        }
        environ |= {"APIFY_API_URL": urls[how], "APIFY_TIMEOUT_SECONDS": "0.2"}
        found = shown("reconcile", code=3)
        assert (found["madeDue"], found["leadsHealed"], found["states"]) == (2, 1, {"running": 2})
        assert found["findings"] is None
        said = harvester("reconcile", code=3)
    assert said.stdout == (
        "2 open actor runs were made due for a worker.\n0 leads left behind are due again.\n"
        "2 actor runs were unfinished at Apify; now 2 running.\nApify's list was not looked through.\n"
    )
    told = {
        "refuses connections": "no connection to it could be made",
        "never answers": "it did not answer in time",
        "answers 503": "503",
    }[how]
    assert told in found["apifyError"]
    assert (
        f"Error: Apify could not be asked about all of it: {found['apifyError'].rstrip('.')}. A worker"
        in said.stderr
    )
    assert said.stderr.endswith("harvester doctor says what is wrong.\n")


def test_reconcile_as_json_speaks_as_everything_else_does(
    working: list[int], ledger: Ledger, environ: dict[str, str], harvester: Harvester, shown: Shown
) -> None:
    end_run_at_once(ledger, working)
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify:
        environ["APIFY_API_URL"] = apify.url
        found = shown("reconcile")
        said = harvester("reconcile").stdout
    names = ("actorRunsCompared", "resurrected", "adopted", "orphans", "costsCorrected")
    assert found["findings"] == dict.fromkeys(names, 0)
    assert (found["madeDue"], found["leadsHealed"], found["apifyError"]) == (0, 1, None)
    assert said.endswith("Of 0 in Apify's list: 0 resurrected, 0 adopted, 0 orphans.\n")


def end_run_at_once(ledger: Ledger, rows: list[int]) -> None:
    over = {"state": ActorRunState.INGESTED, "next_check_at": None}
    with ledger.write() as tx:
        tx.execute(update(tables.actor_runs).where(tables.actor_runs.c.id.in_(rows)).values(**over))


def test_rows_that_an_outage_kept_from_being_asked_for_are_told_even_if_the_list_was_read(
    working: list[int], ledger: Ledger, environ: dict[str, str], shown: Shown
) -> None:
    with ledger.write() as tx:
        reason = "Apify could not be reached: ReadError"
        locks.extend(tx, "outage of Apify", until=datetime.now(UTC) + LATER, times=3, reason=reason)
    with SandboxApify(token=SECRETS["APIFY_TOKEN"]) as apify:
        environ["APIFY_API_URL"] = apify.url
        found = shown("reconcile", code=3)
    assert found["apifyError"] == shown("status")["outage"] == "the connection to it broke off"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reconcile_that_is_stopped_says_so_and_lets_go_of_what_is_at_hand(
    number: int, working: list[int], ledger: Ledger, silent: str, sqlite_url: str, processes: Processes
) -> None:
    environ = environment(DATABASE_URL=sqlite_url, APIFY_API_URL=silent, APIFY_TIMEOUT_SECONDS=2)
    process = processes.start(*HARVESTER, "reconcile", environ=environ)
    while row(ledger, working[0]).lease_until is None:
        assert process.popen.poll() is None, process.output
    os.kill(process.popen.pid, number)
    assert process.wait(30) == 1
    assert "2 open actor runs were made due for a worker.\n1 lead left behind is due again." in process.output
    assert "Error: interrupted. What was done stays; a worker goes on with the rest" in process.output
    for row_id in working:
        after = row(ledger, row_id)
        assert (after.state, after.lease_until, after.failures) == ("running", None, 0)
        assert after.next_check_at <= datetime.now(UTC)


@pytest.fixture
def letters(ledger: Ledger, working: list[int]) -> list[int]:
    """The two actor runs, parked; of the second nothing was started."""
    now = datetime.now(UTC)
    parked = {"parked_at": now, "parked_error": "poison", "next_check_at": None}
    with ledger.write() as tx:
        tx.execute(update(tables.actor_runs).values(**parked))
        nothing = {"state": ActorRunState.FAILED, "apify_run_id": None}
        tx.execute(update(tables.actor_runs).where(tables.actor_runs.c.id == working[1]).values(**nothing))
    return working


def test_dead_letters_are_decided_about_for_scripts_and_people(
    letters: list[int], harvester: Harvester, shown: Shown
) -> None:
    first, second = letters
    assert "2 dead letters wait for a person" in harvester("status").stdout
    refused = harvester("dead-letters", "replay", second, code=3)
    assert "nothing was started for dead letter" in refused.stderr
    replayed = shown("dead-letters", "replay", first)
    assert (replayed["id"], replayed["state"], replayed["batch"]) == (first, "running", 1)
    assert "1 dead letter waits for a person" in harvester("status").stdout
    assert harvester("dead-letters", "list").stdout.startswith("1 dead letter ")
    discarded = shown("dead-letters", "discard", second)
    assert (discarded["id"], set(discarded)) == (second, set(replayed))
    assert "there is no dead letter" in harvester("dead-letters", "discard", second, "--json", code=1).stderr


def test_a_delivery_that_asks_for_nothing_is_refused(ledger: Ledger, harvester: Harvester) -> None:
    kept: dict[str, Any] = dict.fromkeys(("dispatch_id", "apify_run_id", "actor_run_id", "client_id"))
    with ledger.write() as tx:
        deliveries.store(
            tx,
            **kept,
            dispatch_key="1",
            event_type="TEST",
            outcome=DeliveryOutcome.IGNORED,
            headers={},
            body="{}",
            now=datetime.now(UTC),
        )
    assert "asks for nothing" in harvester("replay", 1, code=3).stderr
    harvester("replay", 2, code=1)
