"""What the tests of job runs share."""

from __future__ import annotations

import pytest
from factories import FakeClock

from harvester.ledger import Ledger

from .agency import Agency


@pytest.fixture
def agency(ledger: Ledger, clock: FakeClock) -> Agency:
    """An agency without clients, once on each database."""
    return Agency(ledger, clock)
