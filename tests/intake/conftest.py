"""Stages with one client in Airtable."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from factories import FakeClock
from factories import opened as opened_ledger

from harvester.ledger import Ledger

from .agency_day import Opened, stages


@pytest.fixture
def opened(sqlite_url: str, clock: FakeClock) -> Iterator[Opened]:
    """Open stages on SQLite, for what the database makes no difference to."""
    with opened_ledger(sqlite_url) as ledger, stages(ledger, clock) as found:
        yield found


@pytest.fixture
def on_both(ledger: Ledger, clock: FakeClock) -> Iterator[Opened]:
    """Open stages; the test runs once on each database."""
    with stages(ledger, clock) as found:
        yield found
