"""A ledger of an older version is upgraded where it lies, whole or not at all, whenever it is killed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from factories import NOW, opened
from postgres import Postgres
from sqlalchemy import Connection, MetaData, event, select

from harvester.ledger import Ledger, Tx, schema

FIRST = "0001"
KILLED = 9


@pytest.fixture(params=["sqlite", "postgresql"])
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a ledger as the first version made it, with a row in every table that matters."""
    if request.param == "sqlite":
        yield _filled(f"sqlite:///{tmp_path / 'old.db'}")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.empty() as url:
        yield _filled(url)


def _filled(url: str) -> str:
    with opened(url) as ledger, ledger.write() as tx:
        command.upgrade(schema._config(tx), FIRST)
        tables = _tables(tx)
        lead = {
            "client_id": "Ada",
            "profile_url": "u",
            "given_url": "u",
            "extra": {"a": "ö"},
            "created_at": NOW,
        }
        tx.execute(tables["leads"].insert(), [lead])
        run = {
            "marker": "m",
            "client_run_id": "261122-050000-Ada",
            "client_id": "Ada",
            "batch": 1,
            "state": "running",
            "actor_id": "a/b",
            "max_posts": 2,
            "profiles": 1,
            "created_at": NOW,
        }
        tx.execute(tables["actor_runs"].insert(), [run])
        outcome = {"actor_run_id": 1, "lead_id": 1, "target_url": "u"}
        tx.execute(tables["lead_outcomes"].insert(), [outcome])
    return url


def _tables(tx: Tx) -> dict[str, Any]:
    found = MetaData()
    found.reflect(tx.connection)
    return dict(found.tables)


def _held(url: str) -> tuple[str | None, dict[str, list[dict[str, Any]]]]:
    """Give a ledger's version and its rows."""
    with opened(url) as ledger, ledger.read() as tx:
        rows = {
            name: [dict(row._mapping) for row in tx.execute(select(table))]
            for name, table in _tables(tx).items()
            if name != "alembic_version"
        }
        return schema.current(tx), rows


def _migrated_until(url: str, deadly: int) -> int:
    """Migrate in a process of its own that dies before its statement number `deadly`. Gives its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        ledger = Ledger(url)
        passed = 0

        def count(_connection: Connection, *_: object) -> None:
            nonlocal passed
            passed += 1
            if passed == deadly:
                os._exit(KILLED)

        event.listen(ledger._database.engine, "before_cursor_execute", count)
        event.listen(ledger._database.engine, "commit", count)
        schema.migrate(ledger)
        os._exit(0)
    except BaseException:
        os._exit(1)


@pytest.mark.slow
def test_an_upgrade_that_is_killed_leaves_the_old_ledger_and_the_next_one_finishes(old_url: str) -> None:
    version, before = _held(old_url)
    assert version == FIRST
    deadly = 1
    while (code := _migrated_until(old_url, deadly)) == KILLED:
        assert _held(old_url) == (FIRST, before), f"killed before statement {deadly}"
        deadly += 1
    assert code == 0
    assert deadly > 10, "it was killed nowhere"
    version, after = _held(old_url)
    assert version == schema.newest()
    for name, rows in before.items():
        kept = [{column: row[column] for column in rows[0]} for row in after[name]] if rows else []
        assert kept == rows
    assert [run["cap_micros"] for run in after["actor_runs"]] == [1_000_000]  # it is at work: reserved
