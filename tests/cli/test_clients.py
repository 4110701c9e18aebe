"""Clients: what is added is there, what makes no sense is refused, and nothing is added twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from factories import make_client, make_leads

from harvester.ledger import Ledger

from .conftest import Harvester

Shown = Callable[..., Any]


def test_a_client_is_added_with_the_contracts_defaults(harvester: Harvester, shown: Shown) -> None:
    harvester("clients", "add", "Guy-Wilson", "--name", "Guy Wilson")
    assert shown("clients", "show", "Guy-Wilson") == {
        "clientId": "Guy-Wilson",
        "clientName": "Guy Wilson",
        "status": "Active",
        "serviceLevel": 2,
        "postsDailyTarget": 10,
        "leadsBatchSize": 20,
        "maxBatches": 10,
        "processingStream": 1,
        "timezone": "UTC",
        "airtableBaseId": None,
        "actorId": None,
        "keptIn": "ledger",
        "closed": None,
        "leads": {},
        "dailyBudgetUsd": 5.0,
        "ownDailyBudget": False,
        "spentTodayUsd": 0.0,
        "reservedTodayUsd": 0.0,
        "leftTodayUsd": 5.0,
        "schedule": None,
    }


def test_every_value_can_be_given_at_once_and_changed_one_by_one(harvester: Harvester, shown: Shown) -> None:
    given = ["--name", "A & B", "--status", "Paused", "--service-level", 3, "--daily-target", 0]
    given += ["--batch-size", 7, "--max-batches", 4, "--stream", 2, "--timezone", "Australia/Lord_Howe"]
    harvester("clients", "add", "a_B-1", *given, "--airtable-base", "appAbCdEfGhIjKlMn")
    before = shown("clients", "show", "a_B-1")
    assert (before["postsDailyTarget"], before["timezone"]) == (0, "Australia/Lord_Howe")
    harvester("clients", "set", "a_B-1", "--daily-target", 50)
    assert shown("clients", "show", "a_B-1") == before | {"postsDailyTarget": 50}


def test_a_client_has_an_actor_of_its_own_if_that_can_be_started(harvester: Harvester, shown: Shown) -> None:
    harvester("clients", "add", "Ada", "--actor", " Apimaestro~linkedin-profile-posts")
    assert shown("clients", "show", "Ada")["actorId"] == "apimaestro/linkedin-profile-posts"
    for bad, told in (("nobody/knows-it", "No normaliser"), ("apimaestro/linkedin-post-detail", "cannot be")):
        assert told in harvester("clients", "set", "Ada", "--actor", bad, code=2).stderr
    harvester("clients", "set", "Ada", "--actor", "")
    assert shown("clients", "show", "Ada")["actorId"] is None


def test_a_client_is_not_added_twice_and_stays_as_it_was(harvester: Harvester, shown: Shown) -> None:
    harvester("clients", "add", "Acme", "--name", "First")
    result = harvester("clients", "add", "Acme", "--name", "Second", code=3)
    assert "clients set" in result.stderr
    assert shown("clients", "show", "Acme")["clientName"] == "First"


def test_clients_are_told_apart_by_case_and_listed_by_id(harvester: Harvester, shown: Shown) -> None:
    for client_id in ("acme", "Acme", "Acme-2", "0"):
        harvester("clients", "add", client_id)
    assert [one["clientId"] for one in shown("clients", "list")] == ["0", "Acme", "Acme-2", "acme"]
    assert "4 clients" in harvester("clients", "list").stdout


def test_a_list_of_more_than_one_page_is_whole(ledger: Ledger, shown: Shown) -> None:
    for number in range(501):
        make_client(ledger, f"c{number:04}")
    assert len({one["clientId"] for one in shown("clients", "list")}) == 501


@pytest.mark.parametrize(
    "client_id", ["", "-x", "_x", "a b", "a/b", "é", "x" * 65, "a\nb", "a\x1b[31m", "a.b", "Ⅷ"]
)
def test_a_bad_client_id_is_refused_and_shown_in_ascii(client_id: str, harvester: Harvester) -> None:
    result = harvester("clients", "add", "--", client_id, code=2)
    assert result.stderr.isascii()
    assert "\x1b" not in result.output
    assert harvester("clients", "list", "--json").stdout.strip() == "[]"


@pytest.mark.parametrize(
    "bad",
    [
        ("--timezone", "Mars/Olympus"),
        ("--timezone", "Europe"),
        ("--daily-target", "-1"),
        ("--daily-target", "many"),
        ("--batch-size", "0"),
        ("--max-batches", "0"),
        ("--service-level", "9999999999"),
        ("--name", ""),
        ("--name", " \n "),
        ("--name", "x" * 201),
        ("--status", ""),
        ("--airtable-base", "tblAbCdEfGhIjKlMn"),
    ],
)
def test_a_bad_value_is_refused_and_changes_nothing(bad: tuple[str, str], harvester: Harvester) -> None:
    harvester("clients", "add", "Acme", *bad, code=2)
    assert harvester("clients", "list", "--json").stdout.strip() == "[]"
    harvester("clients", "add", "Acme")
    before = harvester("clients", "show", "Acme", "--json").stdout
    harvester("clients", "set", "Acme", *bad, code=2)
    assert harvester("clients", "show", "Acme", "--json").stdout == before


def test_active_is_active_in_any_case_since_nothing_else_is_harvested(
    harvester: Harvester, shown: Shown
) -> None:
    harvester("clients", "add", "Acme", "--status", "active")
    assert shown("clients", "show", "Acme")["status"] == "Active"


def test_disable_and_its_undoing(harvester: Harvester, shown: Shown) -> None:
    harvester("clients", "add", "Acme")
    harvester("clients", "disable", "Acme")
    assert shown("clients", "show", "Acme")["status"] == "Inactive"
    harvester("clients", "set", "Acme", "--status", "Active")
    assert shown("clients", "show", "Acme")["status"] == "Active"


@pytest.mark.parametrize("command", [["show"], ["disable"], ["set", "--stream", "2"]])
def test_an_unknown_client_fails_by_name(command: list[str], harvester: Harvester) -> None:
    assert "no client Nobody" in harvester("clients", command[0], "Nobody", *command[1:], code=1).stderr


def test_set_without_a_value_is_a_bad_argument(harvester: Harvester) -> None:
    harvester("clients", "add", "Acme")
    harvester("clients", "set", "Acme", code=2)


def test_show_counts_leads_by_status(ledger: Ledger, harvester: Harvester, shown: Shown) -> None:
    make_client(ledger, "Acme")
    make_leads(ledger, "Acme", 3)
    make_leads(ledger, "Acme", 2, status="Done")
    assert shown("clients", "show", "Acme")["leads"] == {"New": 3, "Done": 2}
    assert "leads: New" in harvester("clients", "show", "Acme").stdout


def test_the_base_of_another_client_is_refused(harvester: Harvester) -> None:
    base = "appGuyWilsonBase0"
    harvester("clients", "add", "Guy-Wilson", "--airtable-base", base)
    harvester("clients", "add", "Other")
    for arguments in (("add", "Intruder"), ("set", "Other")):
        told = harvester("clients", *arguments, "--airtable-base", base, code=3).output
        assert f"{base} is the base of Guy-Wilson" in told
    harvester("clients", "set", "Guy-Wilson", "--airtable-base", base)
