"""What all tests share: an environment without our settings, and fresh ledgers on both databases."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from factories import FakeClock, make_limits, opened
from postgres import Postgres, running
from security.disarmed import disarm

from harvester.ledger import Ledger, schema
from harvester.settings import documented
from services.kickoff import Kickoff
from services.settle import Settle


def pytest_configure() -> None:
    """Take a control away where the environment says so: its tests are to fail (`security/disarmed.py`)."""
    disarm(pytest.MonkeyPatch())


@pytest.fixture(autouse=True, scope="session")
def clean_environment() -> Iterator[None]:
    """Take every setting of ours out of the environment: no test may depend on the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        for doc in documented():
            patch.delenv(doc.name, raising=False)
            patch.delenv(f"{doc.name}_FILE", raising=False)
        yield


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Undo what a test that ran a command or a process's start did to the logging of all the others."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in ("alembic", "huey")}
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if handler not in handlers]:
        root.removeHandler(handler)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The one PostgreSQL of this session; it starts when a test first needs it."""
    with running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite ledger at the newest schema, to be copied."""
    file = tmp_path_factory.mktemp("ledger") / "template.db"
    with opened(f"sqlite:///{file}") as ledger:
        schema.migrate(ledger)
    return file


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """The URL of a fresh, migrated ledger on SQLite."""
    return f"sqlite:///{shutil.copyfile(migrated_file, tmp_path / 'ledger.db')}"


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh, migrated ledger on PostgreSQL."""
    with postgres.migrated() as url:
        yield url


@pytest.fixture(params=["sqlite_url", "postgres_url"], ids=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated ledger; the test runs once on each database."""
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A fresh, migrated ledger; the test runs once on each database."""
    with opened(ledger_url) as found:
        yield found


@pytest.fixture
def postgres_ledger(postgres_url: str) -> Iterator[Ledger]:
    """A fresh, migrated ledger on PostgreSQL, for what only several writers at once can show."""
    with opened(postgres_url) as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until it is told to go on."""
    return FakeClock()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where `NO_SKIPS` is set, a skipped test fails the run: nothing optional may be missing there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("NO_SKIPS") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def kickoff(ledger: Ledger, clock: FakeClock) -> Kickoff:
    """Kickoff with the default limits: two posts a profile, 5 USD a day."""
    return Kickoff(ledger, make_limits(), clock)


@pytest.fixture
def settle(ledger: Ledger, clock: FakeClock) -> Settle:
    """Settling with the same limits."""
    return Settle(ledger, make_limits(), clock, timeout=timedelta(days=1))


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What is logged, from INFO on."""
    with caplog.at_level(logging.INFO):
        yield caplog
