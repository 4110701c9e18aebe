"""Why Airtable lets us not at a base, in words: the setting or the cell to look at, and what to do."""

from __future__ import annotations

import pytest

from harvester.airtable_errors import NotAllowed, refusal
from services.no_access import explained, in_words

BASE = "appClientBase0001"
FORBIDDEN = {"error": {"type": "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", "message": "Invalid permissions"}}
UNKNOWN = {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}


@pytest.mark.parametrize("body", [UNKNOWN, None, {"error": "UNAUTHORIZED"}])
def test_of_a_401_the_token_is_to_blame(body: object) -> None:
    error = refusal(401, body, writing=True)
    assert isinstance(error, NotAllowed)
    what, remedy = explained(error, BASE, master=False)
    assert "does not take the token in AIRTABLE_API_KEY" in what
    assert "make a new token" in remedy


@pytest.mark.parametrize(("status", "body"), [(403, FORBIDDEN), (403, None), (404, {"error": "NOT_FOUND"})])
def test_of_another_refusal_it_is_the_base(status: int, body: object) -> None:
    error = refusal(status, body, writing=True)
    assert isinstance(error, NotAllowed)
    of_client = in_words(error, BASE, master=False)
    assert of_client.startswith(
        f"base {BASE} is not there for the token in AIRTABLE_API_KEY (Airtable refused:"
    )
    assert "its Airtable Base ID in Clients" in of_client
    assert "MASTER_CLIENTS_BASE_ID" in in_words(error, BASE, master=True)


def test_what_is_not_about_access_is_said_as_it_is() -> None:
    assert in_words(refusal(503, None, writing=False), BASE, master=True) == "Airtable answered 503 HTTP_503"
