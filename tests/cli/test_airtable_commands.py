"""The commands about Airtable: what they say, how they end, what they ask before they make anything."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airtable_bases import MASTER_BASE, TOKEN, base_id, client_row, empty, whole_client, whole_master

from harvester.airtable_schema import CLIENT, Schema, problems
from harvester.cli import session
from harvester.ledger import Ledger, airtable_schemas, airtable_slots, outbox, outbox_sending
from harvester.ledger.mirroring import Kind
from harvester.sandbox.airtable import SandboxAirtable
from services import now_utc

from .conftest import Harvester
from .processes import HARVESTER, STARTS_WITHIN, Processes, until

Shown = Callable[..., Any]


@pytest.fixture
def airtable(environ: dict[str, str]) -> Iterator[SandboxAirtable]:
    """A local Airtable that the commands use: a whole master base, a whole client's base, and a new one."""
    bases = [whole_master(), whole_client(1), empty(base_id(2))]
    with SandboxAirtable(token=TOKEN, base_requests=0, token_requests=0, bases=bases) as sandbox:
        sandbox.add(MASTER_BASE, "Clients", client_row("Ann-Lee", base_id(1)))
        environ |= {
            "AIRTABLE_API_KEY": TOKEN,
            "MASTER_CLIENTS_BASE_ID": MASTER_BASE,
            "AIRTABLE_API_URL": sandbox.url,
            "AIRTABLE_BASE_INTERVAL_SECONDS": "0.001",
            "AIRTABLE_TOKEN_INTERVAL_SECONDS": "0.001",
        }
        yield sandbox


@pytest.fixture
def newcomer(airtable: SandboxAirtable) -> SandboxAirtable:
    """The same, with a client whose base is as Airtable makes one."""
    airtable.add(MASTER_BASE, "Clients", client_row("Ben-Ode", base_id(2)))
    return airtable


def test_check_says_that_all_is_well(airtable: SandboxAirtable, harvester: Harvester, shown: Shown) -> None:
    assert "All is as it must be: 2 bases were looked at." in harvester("airtable", "check").stdout
    found = shown("airtable", "check")
    assert (found["fine"], found["findings"]) == (True, [])
    assert [one["clientIds"] for one in found["bases"]] == [[], ["Ann-Lee"]]


def test_check_names_what_is_missing(newcomer: SandboxAirtable, harvester: Harvester, shown: Shown) -> None:
    newcomer.drop_field(base_id(1), "Leads", "LinkedIn Profile URL")
    said = " ".join(harvester("airtable", "check", code=3).stdout.split())
    assert "Make a field of type URL. no harvest or no record" in said
    found = shown("airtable", "check", "--client", "Ben-Ode", code=3)
    assert not found["fine"]
    assert [(one["table"], one["code"], one["clientIds"]) for one in found["findings"]] == [
        ("Leads", "missing_table", ["Ben-Ode"]),
        ("Posts", "missing_table", ["Ben-Ode"]),
    ]
    assert "no client Nobody" in harvester("airtable", "check", "--client", "Nobody", code=1).stderr


def test_check_ends_with_1_when_airtable_cannot_be_read(
    airtable: SandboxAirtable, harvester: Harvester, environ: dict[str, str]
) -> None:
    environ["AIRTABLE_API_KEY"] = "patAnother.OfNobody"
    refused = harvester("airtable", "check", code=1)
    assert "AUTHENTICATION_REQUIRED" in refused.stderr
    assert "OfNobody" not in refused.output
    airtable.close()
    assert "Airtable" in harvester("airtable", "check", code=1).stderr


@pytest.mark.parametrize(
    "command", [["check"], ["setup", "--yes"], ["usage"]], ids=lambda command: command[0]
)
def test_without_its_settings_each_command_names_them(command: list[str], harvester: Harvester) -> None:
    said = harvester("airtable", *command, code=session.EXIT_BAD_ARGUMENTS).stderr
    assert said == "Error: Airtable is off: set AIRTABLE_API_KEY and MASTER_CLIENTS_BASE_ID\n"


def test_setup_shows_asks_and_makes(newcomer: SandboxAirtable, harvester: Harvester, shown: Shown) -> None:
    dry = harvester("airtable", "setup", "--dry-run").stdout
    assert "table Posts with 16 fields" in dry
    assert "Created time" in dry
    refused = harvester("airtable", "setup", given="n\n", code=3)
    assert "Nothing was changed." in refused.stdout
    assert newcomer.ledger().calls(method="POST") == 0
    made = harvester("airtable", "setup", given="y\n").stderr
    assert "[2/2] table Posts with 16 fields in Ben-Ode: made" in made
    again = shown("airtable", "setup", "--yes")
    assert again["steps"] == []
    assert [(one["table"], one["field"]) for one in again["byHand"]] == [("Leads", "Date Created")]
    assert newcomer.ledger().calls(method="POST") == 2


def test_setup_tells_scripts_what_was_made_and_what_was_not(
    newcomer: SandboxAirtable, harvester: Harvester, shown: Shown
) -> None:
    assert "give --yes or --dry-run" in harvester("airtable", "setup", "--json", code=2).stderr
    assert [one["made"] for one in shown("airtable", "setup", "--dry-run")["steps"]] == [False, False]
    newcomer.inject("forbidden", method="POST")
    steps = shown("airtable", "setup", "--yes", "--client", "Ben-Ode", code=3)["steps"]
    assert [(one["table"], one["made"], one["error"] is None) for one in steps] == [
        ("Leads", False, False),
        ("Posts", True, True),
    ]
    assert [one["fields"] for one in shown("airtable", "setup", "--yes")["steps"]][1:] == [["Lead"]]


@pytest.mark.usefixtures("newcomer")
def test_setup_has_the_ledger_know_what_is_there_now(harvester: Harvester, ledger: Ledger) -> None:
    harvester("airtable", "setup", "--yes")
    with ledger.read() as tx:
        kept = airtable_schemas.get(tx, base_id(2))
    assert kept is not None
    assert problems(Schema.from_json(kept[0]), CLIENT)[1:] == []  # but for what a person makes


def test_usage_shows_calls_blocks_and_what_waits(
    airtable: SandboxAirtable, ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    harvester("airtable", "check")
    now = now_utc()
    lost, kept = "rec00000000000001", "rec00000000000002"
    with ledger.write() as tx:
        outbox.map_leads(tx, base_id(1), "Ann-Lee", {lost: 1, kept: 2}, now=now)
        row = outbox_sending.of_keys(tx, Kind.LEAD, [lost])[lost]
        outbox_sending.give_up(tx, row, outbox.State.PARKED, error="no such choice")
        slot = airtable_slots.made(tx, base_id(1), now=now)
        airtable_slots.block(tx, slot, until=now.replace(year=2096), reason="a reason", failures=2)
    asked = len(airtable.ledger().requests)
    found = shown("airtable", "usage")
    assert [(one["base"], one["calls"], one["reason"]) for one in found["bases"]] == [
        (base_id(1), 1, "a reason"),
        (MASTER_BASE, 2, None),
    ]
    assert found["calls"] == asked == len(airtable.ledger().requests)
    assert [(one["kind"], one["stand"], one["records"]) for one in found["outbox"]] == [
        ("lead", "parked", 1),
        ("lead", "sent", 1),
    ]
    assert [(one["key"], one["error"]) for one in found["wrong"]] == [(lost, "no such choice")]
    said = harvester("airtable", "usage").stdout
    assert "3 calls to Airtable" in said
    assert "2096" in said
    assert "no such choice" in said


@pytest.mark.slow
def test_setup_that_is_stopped_says_so_and_makes_the_rest_next_time(
    newcomer: SandboxAirtable, processes: Processes, environ: dict[str, str], harvester: Harvester
) -> None:
    newcomer.inject("answer-late", method="POST", seconds=60, times=None)
    running = processes.start(*HARVESTER, "airtable", "setup", "--yes", environ=environ)
    until(lambda: "Leads" in newcomer.ledger().rows[base_id(2)], STARTS_WITHIN, lambda: running.output)
    running.popen.send_signal(signal.SIGTERM)
    assert running.wait(30) == session.EXIT_FAILED
    assert "interrupted. What was made stays" in running.output
    newcomer.faults = []
    assert "[1/1] table Posts" in harvester("airtable", "setup", "--yes").stderr


def test_a_pause_for_a_client_that_could_not_be_read_says_so(
    airtable: SandboxAirtable, harvester: Harvester, environ: dict[str, str]
) -> None:
    assert "there is no client New\n" in harvester("pause", "--client", "New", code=1).stderr
    environ["CLIENTS_FRESH_SECONDS"] = "0.001"
    airtable.close()
    refused = harvester("pause", "--client", "New", code=1).stderr
    assert "there is no client New as far as is known, and Clients was not read: " in refused
    harvester("pause", "--client", "Ann-Lee")
