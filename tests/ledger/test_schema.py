"""The schema: what the migrations make is what the tables say, made once, whole or not at all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from factories import opened
from postgres import Postgres
from simultaneous import at_once
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from harvester.ledger import Ledger, schema, tables


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a ledger without a table; the test runs once on each database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.empty() as url:
        yield url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Ledger]:
    """A ledger without a table; the test runs once on each database."""
    with opened(empty_url) as ledger:
        yield ledger


def names_of_tables(ledger: Ledger) -> set[str]:
    """What SQLite's full-text index keeps its own data in is none of ours."""
    with ledger.read() as tx:
        return {name for name in inspect(tx.connection).get_table_names() if not is_of_search(name)}


def is_of_search(name: str | None) -> bool:
    return name is not None and name.startswith("post_search")


def test_the_migrations_make_exactly_the_tables(ledger: Ledger) -> None:
    with ledger.read() as tx:
        context = MigrationContext.configure(
            tx.connection,
            opts={
                "compare_type": True,
                "compare_server_default": True,
                "include_name": lambda name, _kind, _parents: not is_of_search(name),
            },
        )
        assert compare_metadata(context, tables.metadata) == []


def test_one_live_client_run_per_client_is_a_rule_of_the_database(ledger: Ledger) -> None:
    with ledger.read() as tx:
        indexes = inspect(tx.connection).get_indexes("client_runs")
    live = next(index for index in indexes if index["name"] == "uq_client_runs_live")
    assert live["unique"]
    assert live["column_names"] == ["client_id"]
    where = {str(value) for name, value in live["dialect_options"].items() if name.endswith("_where")}
    assert len(where) == 1
    assert "Running" in where.pop()


def test_migrating_twice_is_migrating_once(empty: Ledger) -> None:
    assert schema.migrate(empty) == (None, schema.newest())
    assert schema.migrate(empty) == (schema.newest(), schema.newest())
    assert names_of_tables(empty) == {*tables.metadata.tables, "alembic_version"}


def test_eight_threads_at_once_migrate_once(empty_url: str) -> None:
    befores = at_once([partial(migrate, empty_url)] * 8)
    assert befores.count(None) == 1
    assert befores.count(schema.newest()) == 7


def migrate(url: str) -> str | None:
    with opened(url) as ledger:
        return schema.migrate(ledger)[0]


@pytest.mark.slow
def test_eight_processes_at_once_migrate_once(empty_url: str) -> None:
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        befores = pool.map(migrate, [empty_url] * 8, chunksize=1)
        pool.close()
        pool.join()
    assert befores.count(None) == 1
    assert befores.count(schema.newest()) == 7


def test_a_newer_ledger_is_refused_and_left_as_it_is(ledger: Ledger) -> None:
    with ledger.write() as tx:
        tx.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(schema.LedgerTooNew, match="9999") as caught:
        schema.migrate(ledger)
    assert caught.value.permanent
    with ledger.read() as tx:
        assert schema.current(tx) == "9999"


def test_a_migration_that_fails_half_way_leaves_nothing(empty: Ledger) -> None:
    with empty.write() as tx:
        tx.execute(text("create table sightings (in_the_way integer)"))
    with pytest.raises(DBAPIError, match="sightings"):
        schema.migrate(empty)
    assert names_of_tables(empty) == {"sightings"}
    with empty.write() as tx:
        tx.execute(text("drop table sightings"))
    assert schema.migrate(empty) == (None, schema.newest())
