"""Backup, restore and prune as commands: what they say, how they end, and how they are stopped."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import make_client, make_leads, make_run
from postgres import Postgres
from sqlalchemy import insert, text

from harvester.ledger import Ledger, tables
from harvester.part_file import CannotMake, whole_or_not_at_all
from services.overview import Overview

from .conftest import Harvester
from .processes import HARVESTER, Processes

Shown = Callable[..., Any]


def deliveries(ledger: Ledger, count: int, *, days: int, body: str = "{}") -> None:
    """Store deliveries that came and were processed so many days ago."""
    moment = datetime.now(UTC) - timedelta(days=days)
    rest = {"outcome": "accepted", "received_at": moment, "processed_at": moment, "headers": {}, "body": body}
    with ledger.write() as tx:
        for number in range(count):
            tx.execute(insert(tables.deliveries), {"dispatch_key": f"{days} {number}", **rest})


def test_a_backup_says_what_it_holds_and_a_restored_one_is_read_by_the_other_commands(
    ledger: Ledger, harvester: Harvester, shown: Shown, environ: dict[str, str]
) -> None:
    make_client(ledger)
    make_leads(ledger, count=3)
    said = harvester("backup", "b.db").stdout
    assert re.match(
        r"Backed up 4 rows of \d+ tables to b\.db \(0\.\d MB\), as they were at 2\d{3}-.* UTC\.\n", said
    )
    assert "integrity_check finds no fault, and every table has as many rows" in said
    before = shown("leads", "list", "--client", "Guy-Wilson")
    environ["DATABASE_URL"] = "sqlite:///look.db"
    assert "Restored 4 rows" in harvester("restore", "b.db").stdout
    assert shown("leads", "list", "--client", "Guy-Wilson") == before


@pytest.mark.parametrize(
    "command",
    [["runs"], ["status"], ["worker"], ["migrate"], ["backup", "c.db"], ["restore", "b.db"], ["doctor"]],
    ids=lambda command: command[0],
)
def test_no_command_changes_a_backup(
    command: list[str], ledger: Ledger, harvester: Harvester, environ: dict[str, str], tmp_path: Path
) -> None:
    make_client(ledger)
    harvester("backup", "b.db")
    (tmp_path / "copy.db").write_bytes((tmp_path / "b.db").read_bytes())
    before = {name: (tmp_path / name).read_bytes() for name in ("b.db", "copy.db")}
    airtable = {"AIRTABLE_API_KEY": "pat", "MASTER_CLIENTS_BASE_ID": "appMaster000000aB"}
    for file, more in (("b.db", {}), ("copy.db", airtable)):
        environ |= more
        environ |= {"DATABASE_URL": f"sqlite:///{file}", "QUEUE_URL": "sqlite:///queue.sqlite"}
        said = harvester(*command, code=1 if command == ["doctor"] else 3).output
        assert f"{file} is a backup, which stays as it is: restore it" in said
    left = [*tmp_path.glob("b.db*"), *tmp_path.glob("c*.db*")]
    assert {file.name: file.read_bytes() for file in left} == before


@pytest.mark.parametrize("at", ["0001", "9999"])
def test_migrate_is_the_remedy_for_an_older_ledger_alone(
    at: str, ledger: Ledger, harvester: Harvester, tmp_path: Path
) -> None:
    with ledger.write() as tx:
        tx.execute(text("update alembic_version set version_num = :at").bindparams(at=at))
    told = harvester("backup", "b.db", code=3).stderr
    assert f"at {at}" in told
    assert ("harvester migrate" in told) == (at == "0001")
    assert ("install the version that wrote it" in told) == (at == "9999")
    assert Overview(ledger).ready()["schema"] in told.replace(": to back it up, ", ": ")


def test_a_file_without_a_name_is_a_bad_argument(harvester: Harvester, tmp_path: Path) -> None:
    assert "must name a file" in harvester("backup", "", code=2).stderr
    (tmp_path / "round").symlink_to("round")
    assert "leads back to itself" in harvester("backup", "--force", "round", code=1).stderr
    for nameless in (Path(), Path("/")):
        with pytest.raises(CannotMake, match="names no file"), whole_or_not_at_all(nameless):
            pass


def test_a_backup_replaces_no_file_unless_forced(ledger: Ledger, harvester: Harvester, shown: Shown) -> None:
    harvester("backup", "b.db")
    old = Path("b.db").read_bytes()
    refused = harvester("backup", "b.db", code=3)
    assert refused.stderr == "Error: b.db exists: name another file, or give --force to replace it\n"
    assert Path("b.db").read_bytes() == old
    make_client(ledger)
    made = shown("backup", "b.db", "--force")
    assert made["rows"]["clients"] == 1
    assert made["bytes"] == Path("b.db").stat().st_size
    assert made["file"] == "b.db"


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_regular_file_is_never_replaced(kind: str, ledger: Ledger, harvester: Harvester) -> None:
    if kind == "pipe":
        os.mkfifo("it")
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("it")
    before = os.lstat("it")
    refused = harvester("backup", "--force", "it", code=3)
    assert "is no regular file" in refused.stderr
    assert os.lstat("it").st_ino == before.st_ino
    assert not Path("it.part").exists()


def test_of_a_link_what_it_leads_to_is_replaced(ledger: Ledger, harvester: Harvester) -> None:
    Path("elsewhere").mkdir()
    Path("today.db").symlink_to("elsewhere/b.db")
    harvester("backup", "today.db")
    assert Path("today.db").is_symlink()
    assert Path("elsewhere/b.db").read_bytes().startswith(b"SQLite format 3")
    harvester("backup", "today.db", code=3)
    harvester("backup", "--force", "today.db")
    assert Path("today.db").is_symlink()


@pytest.mark.parametrize("damage", ["no database", "torn"])
@pytest.mark.parametrize("command", [["status"], ["migrate"], ["reconcile"], ["backup", "b.db"], ["prune"]])
def test_a_damaged_ledger_is_one_clear_line(
    damage: str, command: list[str], ledger: Ledger, harvester: Harvester, environ: dict[str, str]
) -> None:
    ledger.close()
    file = Path(environ["DATABASE_URL"].removeprefix("sqlite:///"))
    for ending in ("-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)
    sound = file.read_bytes()
    file.write_bytes(b"x" * 20_000 if damage == "no database" else sound[:100] + b"\xff" * (len(sound) - 100))
    told = harvester(*command, code=1).stderr
    assert "restore the youngest backup" in told
    assert "Traceback" not in told
    assert told.count("\n") <= 2


def test_a_restore_says_what_is_searched_for_and_happens_once(
    ledger: Ledger, harvester: Harvester, shown: Shown, environ: dict[str, str], tmp_path: Path
) -> None:
    make_client(ledger)
    make_run(ledger, [make_leads(ledger)])
    harvester("backup", "b.db")
    assert "the ledger itself" in harvester("backup", "--force", "ledger.db", code=3).stderr
    assert "has rows already" in harvester("restore", "b.db", code=3).stderr
    before = shown("leads", "list", "--client", "Guy-Wilson")
    environ["DATABASE_URL"] = f"sqlite:///{tmp_path / 'new.db'}"
    said = harvester("restore", "b.db").stdout
    assert re.match(r"Restored \d+ rows of \d+ tables from b\.db, a backup of 2\d{3}-.* UTC\.\n", said)
    assert re.search(r"\n1 actor run was planned .* searched for at Apify at 2\d{3}-.* UTC", said)
    assert shown("leads", "list", "--client", "Guy-Wilson") == before
    assert "has rows already" in harvester("restore", "b.db", code=3).stderr


def test_a_restore_as_json(
    ledger: Ledger, harvester: Harvester, shown: Shown, environ: dict[str, str], tmp_path: Path
) -> None:
    make_client(ledger)
    taken_at = shown("backup", "b.db")["takenAt"]
    environ["DATABASE_URL"] = f"sqlite:///{tmp_path / 'new.db'}"
    made = shown("restore", "b.db")
    assert made["takenAt"] == f"{taken_at[:19]}Z"
    assert (made["migratedFrom"], made["searchedFor"], made["rows"]["clients"]) == (None, 0, 1)


def test_what_is_no_backup_is_told_in_one_line(harvester: Harvester, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database")
    assert "not a database" in harvester("restore", "text", code=1).stderr
    assert "not made by harvester backup" in harvester("restore", "ledger.db", code=3).stderr
    assert "does not exist" in harvester("restore", "nothing", code=2).stderr
    assert "No such file or directory" in harvester("backup", "nowhere/b.db", code=1).stderr


def test_prune_shows_first_and_does_what_it_showed(
    ledger: Ledger, harvester: Harvester, shown: Shown
) -> None:
    deliveries(ledger, 3, days=100, body="x" * 98)
    deliveries(ledger, 2, days=50)
    said = harvester("prune").stdout
    assert re.search(r"deliveries +3 +0\.0 MB +2\d{3}-", said)
    assert said.endswith("Nothing was changed. This does it: harvester prune --older-than 90 --apply\n")
    dry = shown("prune")
    assert dry["found"]["deliveries"]["rows"] == 3
    assert dry["found"]["deliveries"]["bytes"] == 300
    assert dry["command"] == "harvester prune --older-than 90 --apply"
    assert len(shown("deliveries")) == 5
    done = harvester("prune", "--apply").stdout
    assert done.startswith("Pruned 3 deliveries (0.0 MB), 0 raw items of posts")
    assert "SQLite reuses the space" in done
    assert len(shown("deliveries")) == 2
    assert harvester("prune").stdout == "Nothing that may go is older than 90 days.\n"
    done = shown("prune", "--older-than", 14, "--apply")
    assert (done["applied"], done["freed"]["deliveries"]["rows"]) == (True, 2)


def test_nothing_younger_than_two_weeks_is_pruned(ledger: Ledger, harvester: Harvester) -> None:
    deliveries(ledger, 1, days=20)
    harvester("prune", "--older-than", 13, "--apply", code=2)
    harvester("prune", "--older-than", 14, "--apply")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_stopped_leaves_nothing(
    number: int, ledger: Ledger, environ: dict[str, str], processes: Processes, tmp_path: Path
) -> None:
    deliveries(ledger, 40, days=1, body="x" * 1_000_000)
    for _ in range(5):
        process = processes.start(*HARVESTER, "backup", "b.db", environ=environ)
        while not (tmp_path / "b.db.part").exists() and process.popen.poll() is None:
            time.sleep(0.001)
        os.kill(process.popen.pid, number)
        if process.wait(30) == 0:  # it was whole already
            (tmp_path / "b.db").unlink()
            continue
        assert process.output == "Error: interrupted. b.db is as it was.\n"
        assert process.popen.returncode == 1
        assert not list(tmp_path.glob("b.db*"))
        return
    pytest.fail("it was always faster than the signal")


@pytest.mark.slow
def test_a_disk_that_is_full_is_told_in_one_line(
    ledger: Ledger, environ: dict[str, str], processes: Processes, tmp_path: Path
) -> None:
    deliveries(ledger, 4, days=1, body="x" * 1_000_000)
    limited = (
        "import resource, sys; from harvester.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)); main(['backup', 'b.db'])"
    )
    code, said = processes.run("-c", limited, environ=environ)
    assert code == 1
    assert re.fullmatch(r"Error: b\.db\.part cannot be written: .*\n", said)
    assert not list(tmp_path.glob("b.db*"))


def test_a_ledger_moves_to_postgresql_and_back(
    ledger: Ledger, environ: dict[str, str], harvester: Harvester, shown: Shown, postgres: Postgres
) -> None:
    make_client(ledger)
    make_leads(ledger, count=3)
    harvester("backup", "b.db")
    before = shown("leads", "list", "--client", "Guy-Wilson")
    with postgres.empty() as url:
        environ["DATABASE_URL"] = url
        harvester("restore", "b.db")
        assert shown("leads", "list", "--client", "Guy-Wilson") == before
        assert "autovacuum" in harvester("prune", "--apply").stdout
        harvester("backup", "c.db")
    environ["DATABASE_URL"] = "sqlite:///new.db"
    harvester("restore", "c.db")
    assert shown("leads", "list", "--client", "Guy-Wilson") == before
