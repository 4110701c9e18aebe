"""One client and another. Rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import pytest

from security.rows import Proof, Threat

if TYPE_CHECKING:
    from harvester.ledger.post_search import Wanted

_TENANTS = "tests/security/test_tenants.py::"
_NOWHERE = f"{_TENANTS}test_no_list_page_or_export_of_one_client_shows_anothers"
_OWN_BASE = f"{_TENANTS}test_no_base_is_written_what_is_anothers"
_NO_BASE = f"{_TENANTS}test_a_client_without_its_base_harvests_nothing_and_nobodys_base_is_taken"
_SAID = "tests/companions/test_shown.py::test_a_token_of_one_client_sees_its_own_alone"
_LOOKALIKE = f"{_TENANTS}test_what_looks_like_a_client_id_is_nobodys"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T4",
        "one client's leads, posts or base are taken for another's",
        "whose an actor run is stands in the ledger alone; every list is narrowed by the exact client ID; a "
        "client's base is its own row's, and one that is missing, shared or the agency's closes the client",
        (
            Proof(_NOWHERE, "lists-of-one-client"),
            Proof(_SAID, "comments-of-one-client"),
            Proof(_NOWHERE, "runs-of-one-client"),
            Proof(_NOWHERE, "a-token-speaks-for-its-own-run"),
            Proof(_OWN_BASE, "a-token-speaks-for-its-own-run"),
            Proof(_NO_BASE, "one-base-one-client"),
            Proof(_NO_BASE, "no-client-in-the-masters-base"),
            Proof(_NO_BASE, "ids-that-differ-by-case-close"),
            Proof(_LOOKALIKE, "client-ids-by-their-letters"),
        ),
    ),
)


def _posts_of_everybody(patch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from harvester.ledger import post_search

    asked = post_search._asked

    def of_everybody(wanted: Wanted) -> Any:
        return asked(replace(wanted, client_id=None))

    patch.setattr(post_search, "_asked", of_everybody)


def _comments_of_everybody(patch: pytest.MonkeyPatch) -> None:
    from harvester.ledger import companion_lists

    page = companion_lists.page
    patch.setattr(companion_lists, "page", lambda *args, **named: page(*args, **{**named, "client_id": None}))


def _runs_of_everybody(patch: pytest.MonkeyPatch) -> None:
    from harvester.ledger import client_runs

    page = client_runs.page
    patch.setattr(client_runs, "page", lambda *args, **named: page(*args, **{**named, "client_id": None}))


def _any_token_for_any_run(patch: pytest.MonkeyPatch) -> None:
    def told(known: Any, _proof: Any, payload: Any) -> Any:
        return known._by_run.get(payload.apify_run_id)

    patch.setattr("services.deliveries._Known.run_of", told)


def _shared_bases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.client_rows._same_bases", lambda *_: [])


def _the_masters_base(patch: pytest.MonkeyPatch) -> None:
    from services import client_rows

    patch.setattr(client_rows, "_base", lambda row, *_: client_rows._text(row, "Airtable Base ID"))


def _twins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.client_rows._same_ids", lambda _: [])


def _any_letters(patch: pytest.MonkeyPatch) -> None:
    import re

    patch.setattr("harvester.run_ids._CLIENT", re.compile(".+", re.DOTALL))


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "lists-of-one-client": _posts_of_everybody,
    "comments-of-one-client": _comments_of_everybody,
    "runs-of-one-client": _runs_of_everybody,
    "a-token-speaks-for-its-own-run": _any_token_for_any_run,
    "one-base-one-client": _shared_bases,
    "no-client-in-the-masters-base": _the_masters_base,
    "ids-that-differ-by-case-close": _twins,
    "client-ids-by-their-letters": _any_letters,
}
