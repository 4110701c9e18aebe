"""The operations page in front of real services, without a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web.asking import Web, opened_web

from .operator import Operator, page_settings


@pytest.fixture
def page_web(ledger_url: str) -> Iterator[Web]:
    """The application with its operations page set up, once on each database."""
    with opened_web(ledger_url, **page_settings()) as found:
        yield found


@pytest.fixture
def operator(page_web: Web) -> Operator:
    """An operator who is signed in."""
    found = Operator(page_web)
    assert found.sign_in().status_code == 303
    return found
