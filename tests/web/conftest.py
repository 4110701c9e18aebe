"""The web application without a server: Flask's test client in front of real services."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from .asking import Web, opened_web

MakeWeb = Callable[..., Web]


@pytest.fixture
def make_web(sqlite_url: str) -> Iterator[MakeWeb]:
    """Build the application on SQLite; the arguments are settings."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(opened_web(sqlite_url, **settings))


@pytest.fixture
def web(make_web: MakeWeb) -> Web:
    """The application on SQLite, as it comes."""
    return make_web()


@pytest.fixture
def any_web(ledger_url: str) -> Iterator[Web]:
    """The application as it comes, once on each database."""
    with opened_web(ledger_url) as found:
        yield found


@pytest.fixture
def postgres_web(postgres_url: str) -> Iterator[Web]:
    """The application on PostgreSQL."""
    with opened_web(postgres_url) as found:
        yield found
