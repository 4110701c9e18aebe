"""What these tests begin with."""

from __future__ import annotations

import pytest
from factories import make_client, make_leads, make_run

from harvester.ledger import Ledger
from harvester.models import ActorRun, Lead


@pytest.fixture
def lead(ledger: Ledger) -> Lead:
    """The only lead of a client."""
    make_client(ledger)
    return make_leads(ledger)[0]


@pytest.fixture
def run(ledger: Ledger, lead: Lead) -> ActorRun:
    """A batch with that lead."""
    return make_run(ledger, [[lead]])[0]
