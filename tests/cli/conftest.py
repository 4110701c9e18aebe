"""What the tests of the commands share: a ledger, an environment, and the commands to call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from factories import opened

from harvester.cli import main
from harvester.ledger import Ledger

from .processes import Processes, environment, processes_in

Harvester = Callable[..., Result]


@pytest.fixture
def environ(sqlite_url: str) -> dict[str, str]:
    """An environment with valid settings on a fresh ledger; tests may change it."""
    return environment(DATABASE_URL=sqlite_url)


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """The ledger that the commands use."""
    with opened(sqlite_url) as found:
        yield found


@pytest.fixture
def harvester(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Harvester]:
    """Call a command in this process: `harvester("clients", "list", code=0)`."""
    monkeypatch.chdir(tmp_path)  # away from the developer's own .env
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def call(*arguments: object, code: int = 0, given: str | bytes | None = None) -> Result:
        result = CliRunner(env=environ).invoke(main, [str(one) for one in arguments], input=given)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    yield call
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def shown(harvester: Harvester) -> Callable[..., Any]:
    """Call a command with `--json` and parse what it shows."""
    return lambda *arguments, code=0: orjson.loads(harvester(*arguments, "--json", code=code).stdout)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Start real processes, that end with the test."""
    with processes_in(tmp_path) as started:
        yield started
