"""What several tests of the ledger begin with."""

from __future__ import annotations

import pytest

from harvester.ledger import Ledger
from harvester.models import ActorRun
from ledger.batches import planned


@pytest.fixture
def run(ledger: Ledger) -> ActorRun:
    """A planned batch of one lead."""
    return planned(ledger, 1)[0]
