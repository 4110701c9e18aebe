"""Web processes to be scraped, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web.asking import Web, opened_web

#: With Airtable, so that everything there is can be counted. Nothing listens there, and nothing is sent.
AIRTABLE = {
    "airtable_api_key": "patThisIsATestToken.0123456789",
    "master_clients_base_id": "appMasterClients0",
    "airtable_api_url": "http://127.0.0.1:9",
}


@pytest.fixture
def counting(ledger_url: str) -> Iterator[Web]:
    """The application with Airtable on, once on each database."""
    with opened_web(ledger_url, **AIRTABLE) as found:
        yield found
