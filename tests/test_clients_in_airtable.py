"""Clients that are kept in Airtable, as the API, the commands and the doctor show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from airtable_stage import BASE
from cli.processes import environment
from click.testing import CliRunner, Result
from factories import make_client, make_settings, opened
from web.asking import Web, opened_web

from harvester.cli import main
from harvester.ledger import airtable_slots
from harvester.sandbox.airtable import SandboxAirtable
from harvester.sandbox.airtable.agency import MASTER_ID, client_base, client_row, master_base
from services.doctor import Finding, examine

TOKEN = "patAirtableTestToken.0123456789abcdef"
Commands = Callable[..., Result]


@pytest.fixture
def sandbox() -> Iterator[SandboxAirtable]:
    rows = [client_row("Guy-Wilson", BASE), client_row("Acme", "appNowhere")]
    bases = [master_base(clients=rows), client_base(BASE)]
    with SandboxAirtable(token=TOKEN, bases=bases, base_requests=0, token_requests=0) as found:
        yield found


@pytest.fixture
def on(sandbox: SandboxAirtable) -> dict[str, str]:
    """The settings that turn Airtable on."""
    return {
        "airtable_api_key": TOKEN,
        "master_clients_base_id": MASTER_ID,
        "airtable_api_url": sandbox.url,
        "airtable_base_interval_seconds": "0.001",
        "airtable_token_interval_seconds": "0.001",
    }


@pytest.fixture
def web(sqlite_url: str, on: dict[str, str]) -> Iterator[Web]:
    with opened_web(sqlite_url, **on) as found:
        yield found


@pytest.fixture
def commands(
    sqlite_url: str, on: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """Call a command, with Airtable on unless `off` is given."""
    monkeypatch.chdir(tmp_path)
    usual = environment(DATABASE_URL=sqlite_url)
    with_airtable = {**usual, **{name.upper(): value for name, value in on.items()}}

    def call(*arguments: str, off: bool = False) -> Result:
        result = CliRunner(env=usual if off else with_airtable).invoke(main, arguments)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def test_the_api_shows_the_clients_as_airtable_has_them(web: Web) -> None:
    shown = {one["clientId"]: one for one in web.get("/api/clients").json["clients"]}
    assert (shown["Guy-Wilson"]["keptIn"], shown["Guy-Wilson"]["closed"]) == ("airtable", None)
    assert "appNowhere" in shown["Acme"]["closed"]
    assert web.post("/api/apify/process-client", {"clientId": "Nobody"}).status_code == 404


def test_what_was_never_read_is_answered_with_503_and_not_with_404(
    web: Web, sandbox: SandboxAirtable
) -> None:
    with sandbox.dark():
        for answer in (
            web.get("/api/clients"),
            web.post("/api/apify/process-client", {"clientId": "Guy-Wilson"}),
        ):
            assert (answer.status_code, answer.json["code"]) == (503, "airtable_unavailable")
            assert answer.headers["Retry-After"].isdigit()
            assert TOKEN not in answer.text


def test_the_ledgers_own_clients_are_harvested_whatever_becomes_of_airtable(
    web: Web, sandbox: SandboxAirtable
) -> None:
    make_client(web.ledger, "Ours")
    with sandbox.dark():
        assert web.post("/api/apify/process-client", {"clientId": "Ours"}).status_code == 202


def test_the_commands_show_them_and_refuse_to_change_them(commands: Commands) -> None:
    listed = commands("clients", "list")
    assert "Acme is closed: Airtable Base ID is 'appNowhere'" in listed.stdout
    assert orjson.loads(commands("clients", "show", "Guy-Wilson", "--json").stdout)["keptIn"] == "airtable"
    for refused in (
        commands("clients", "set", "Guy-Wilson", "--daily-target", "5"),
        commands("clients", "disable", "Guy-Wilson"),
        commands("clients", "add", "Guy-Wilson"),
    ):
        assert refused.exit_code == 3
        assert "table Clients" in refused.stderr
    assert commands("clients", "add", "Ours").exit_code == 0
    assert commands("clients", "set", "Ours", "--daily-target", "5").exit_code == 0


def test_an_agency_that_leaves_airtable_keeps_its_clients(commands: Commands) -> None:
    assert commands("clients", "list").exit_code == 0
    assert commands("clients", "set", "Acme", "--daily-target", "5", off=True).exit_code == 0
    shown = orjson.loads(commands("clients", "show", "Acme", "--json", off=True).stdout)
    assert (shown["keptIn"], shown["closed"], shown["postsDailyTarget"]) == ("ledger", None, 5)


def examined(url: str, on: dict[str, str]) -> dict[str, Finding]:
    found = examine(make_settings(database_url=url, port=9, **on))
    return {finding.name: finding for finding in found}


def test_the_doctor_says_who_is_closed_and_why(
    sqlite_url: str, on: dict[str, str], sandbox: SandboxAirtable
) -> None:
    found = examined(sqlite_url, on)
    assert found["airtable"].ok, found["airtable"]
    assert not found["airtable clients"].ok
    assert (
        "1 of 2 active clients are closed: Acme: Airtable Base ID is 'appNowhere'"
        in found["airtable clients"].detail
    )
    (_, acme) = sandbox.records(MASTER_ID, "Clients")
    sandbox.delete(MASTER_ID, "Clients", acme["id"])
    assert examined(sqlite_url, on)["airtable clients"].detail == "1 active clients, none of them closed"
    with opened(sqlite_url) as ledger, ledger.read() as tx:
        assert tx.connection.exec_driver_sql("select count(*) from clients").scalar_one() == 0


def test_rows_that_are_nobodys_and_former_clients_are_no_trouble_to_the_doctor(
    sqlite_url: str, on: dict[str, str], sandbox: SandboxAirtable
) -> None:
    (_, acme) = sandbox.records(MASTER_ID, "Clients")
    sandbox.edit(MASTER_ID, "Clients", acme["id"], {"Status": "Inactive"})
    sandbox.add(MASTER_ID, "Clients", {})
    left_out = sandbox.add(MASTER_ID, "Clients", {"Client ID": "no ID"})
    found = examined(sqlite_url, on)["airtable clients"]
    assert found.ok, found
    assert found.detail.startswith(
        f"1 active clients, none of them closed; row {left_out} of Clients is left"
    )


def test_who_checks_a_client_need_not_have_read_clients_before(commands: Commands) -> None:
    assert commands("check", "--client", "Guy-Wilson").exit_code == 0
    assert "there is no client Nobody" in commands("check", "--client", "Nobody").stderr


@pytest.mark.parametrize("command", ["check", "setup"])
def test_the_commands_say_whom_airtable_does_not_let_in_where(
    commands: Commands, sandbox: SandboxAirtable, command: str
) -> None:
    sandbox.inject("forbidden", times=1)
    said = commands("airtable", command).stderr
    assert f"Error: base {MASTER_ID} is not there for the token in AIRTABLE_API_KEY" in said
    assert "see that MASTER_CLIENTS_BASE_ID is right" in said
    sandbox.inject("unauthorized", times=1)
    assert (
        "https://airtable.com/create/tokens, and set AIRTABLE_API_KEY" in commands("airtable", command).stderr
    )


def test_an_outage_or_a_cap_is_a_metric_but_a_429_is_none(web: Web) -> None:
    def metric() -> str:
        (line,) = [one for one in web.get("/metrics").text.splitlines() if 'service="airtable"' in one]
        return str(line)

    def left_alone(reason: str, failures: int, *, minutes: int = 1) -> None:
        now = web.services.clock()
        with web.ledger.write() as tx:
            slot = airtable_slots.made(tx, BASE, now=now)
            until = now + timedelta(minutes=minutes)
            airtable_slots.block(tx, slot, until=until, reason=reason, failures=failures)

    seen = [metric()]
    left_alone("asked too often (429)", 0)
    seen.append(metric())
    left_alone("no answer", airtable_slots.OUTAGE)
    seen.append(metric())
    left_alone("no answer", airtable_slots.OUTAGE, minutes=-1)
    seen.append(metric())
    assert [line.rpartition(" ")[2] for line in seen] == ["0.0", "0.0", "1.0", "0.0"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda sandbox: sandbox.inject("unauthorized", times=None),
            "token in AIRTABLE_API_KEY (Airtable refus",
        ),
        (lambda sandbox: sandbox.drop_table(MASTER_ID, "Clients"), "make a table 'Clients'"),
    ],
)
def test_the_doctor_says_what_is_wrong_with_the_master_base(
    sqlite_url: str, on: dict[str, str], sandbox: SandboxAirtable, spoil: Callable[[Any], None], told: str
) -> None:
    spoil(sandbox)
    found = examined(sqlite_url, on)["airtable"]
    assert not found.ok
    assert told in found.detail
    assert TOKEN not in found.detail
    assert "AIRTABLE_API_KEY" in found.remedy
