"""Who may call the webhook, the API and the page. Rows of the table, and how to disarm them."""

from __future__ import annotations

import hmac
import operator
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Final

import pytest

from security.rows import Proof, Threat

_HOOK: Final = "tests/security/test_access_webhook.py::"
_TIMING: Final = "tests/security/test_access_timing.py::"
_PAGE: Final = "tests/security/test_access_page.py::"
_DOOR: Final = "tests/pages/test_door.py::"
_API: Final = "tests/security/test_access.py::"
_TOKENS: Final = "tests/security/test_access_tokens.py::"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T1",
        "A forged webhook",
        "a token for each actor run, signed over key, run, attempt and client, checked before any query; two "
        "keys while one is exchanged; a static token only where it is set",
        (
            Proof(f"{_HOOK}test_a_forged_webhook_is_refused_before_any_query", "webhook proof"),
            Proof(f"{_HOOK}test_a_key_that_was_taken_out_proves_nothing", "webhook proof"),
            Proof(f"{_HOOK}test_a_webhook_with_anothers_token_leaves_no_trace", "webhook of its own run"),
            Proof(
                "tests/web/test_webhook_routes.py::test_the_static_token_works_only_when_it_is_set",
                "static token only when set",
            ),
        ),
    ),
    Threat(
        "T13",
        "A secret guessed by how long its refusal takes",
        "every secret is compared in constant time, with every key there is",
        (
            Proof(f"{_TIMING}test_a_webhooks_token_is_compared_in_constant_time", "constant time"),
            Proof(f"{_TIMING}test_a_token_of_the_settings_is_compared_in_constant_time", "constant time"),
            Proof(f"{_TIMING}test_a_token_of_the_ledger_is_compared_in_constant_time", "constant time"),
        ),
    ),
    Threat(
        "T20",
        "Another site has the operator's browser do something",
        "a token in every form, a cookie that goes along with no form of another site, and an API that knows "
        "no cookie",
        (
            Proof(f"{_PAGE}test_no_form_of_another_site_does_anything", "CSRF token"),
            Proof(f"{_PAGE}test_the_cookie_goes_along_with_no_form_of_another_site", "SameSite cookie"),
            Proof(f"{_API}test_nothing_but_pages_takes_a_cookie", "no cookie at the API"),
        ),
    ),
    Threat(
        "T22",
        "Somebody guesses the password, or has a copy of a session",
        "few tries from one address and from all; a session has a new key at each sign-in, ends at sign-out, "
        "when idle and after a week, and is kept as a digest, its cookie from scripts and plain http",
        (
            Proof(f"{_DOOR}test_a_wrong_password_is_refused_and_few_may_be_tried", "password"),
            Proof(f"{_DOOR}test_a_wrong_password_is_refused_and_few_may_be_tried", "few tries"),
            Proof(f"{_DOOR}test_tries_at_once_are_no_more_tries", "few tries"),
            Proof(f"{_PAGE}test_signing_in_ends_the_session_that_the_browser_had", "session exchanged"),
            Proof(f"{_DOOR}test_in_and_out_again", "session ended"),
            Proof(f"{_DOOR}test_a_session_ends_when_idle_after_a_week_and_with_the_password", "session aged"),
            Proof(f"{_DOOR}test_the_ledger_knows_no_key_and_no_password", "session digest"),
            Proof(f"{_DOOR}test_the_cookie_is_kept_from_scripts_and_other_sites", "cookie attributes"),
        ),
    ),
    Threat(
        "T29",
        "A token that may too much, for too long, or for another's client",
        "tokens with scopes, for one client, for a time; taken back and exchanged at once; a view that names "
        "no scope or client is closed to them",
        (
            Proof(f"{_API}test_every_route_answers_every_kind_of_token_as_its_scopes_say", "token scopes"),
            Proof(f"{_API}test_every_route_answers_every_kind_of_token_as_its_scopes_say", "token secret"),
            Proof(
                f"{_API}test_every_route_answers_every_kind_of_token_as_its_scopes_say", "token of one client"
            ),
            Proof(f"{_API}test_a_token_of_one_client_learns_nothing_of_another", "token of one client"),
            Proof(f"{_API}test_an_order_of_a_token_of_one_client_is_for_no_other", "token of one client"),
            Proof(f"{_API}test_no_key_of_another_client_is_met_or_found_out", "keys apart"),
            Proof(f"{_TOKENS}test_a_token_that_is_over_lets_nobody_in", "token over"),
        ),
    ),
)


def _proves_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.webhook_tokens.TokenSigner._proves", lambda *_: True)


def _of_any_run(patch: pytest.MonkeyPatch) -> None:
    def told(known: Any, _proof: Any, payload: Any) -> Any:
        return known._by_run.get(payload.apify_run_id)

    patch.setattr("services.deliveries._Known.run_of", told)


def _early_end(patch: pytest.MonkeyPatch) -> None:
    plain = SimpleNamespace(digest=hmac.digest, compare_digest=operator.eq)
    patch.setattr("harvester.webhook_tokens.hmac", plain)
    patch.setattr("services.api_tokens.hmac", plain)


def _cookie_counts(patch: pytest.MonkeyPatch) -> None:
    from flask import request

    from routes import auth

    as_it_is = auth._caller
    patch.setattr(auth, "_caller", lambda: auth.Caller() if request.cookies else as_it_is())


def _session_kept(patch: pytest.MonkeyPatch) -> None:
    from services.sign_in import SignIn

    enter = SignIn.enter

    def entered(self: SignIn, password: str, *, name: str, address: str, instead_of: str | None) -> str:
        return enter(self, password, name=name, address=address)

    patch.setattr(SignIn, "enter", entered)


def _ageless(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.sign_in._IDLE", timedelta(days=999))
    patch.setattr("services.sign_in._LONGEST", timedelta(days=999))


def _bare_cookie(patch: pytest.MonkeyPatch) -> None:
    for name in ("get_cookie_secure", "get_cookie_httponly"):
        patch.setattr(f"flask.sessions.SecureCookieSessionInterface.{name}", lambda *_: False)


def _token_with(patch: pytest.MonkeyPatch, **values: Any) -> None:
    from routes import auth

    as_it_is = auth._caller

    def caller() -> auth.Caller:
        found = as_it_is()
        return found if found.token is None else auth.Caller(replace(found.token, **values))

    patch.setattr(auth, "_caller", caller)


def _keys_together(patch: pytest.MonkeyPatch) -> None:
    from routes.contract import binding

    def ordered(given: Mapping[str, Any], client_id: str) -> Any:
        return given["headers"].model_copy(update={"client_id": client_id})

    patch.setattr(binding, "_ordered", ordered)


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "webhook proof": _proves_all,
    "webhook of its own run": _of_any_run,
    "static token only when set": lambda patch: patch.setattr(
        "services.deliveries.is_one_of", lambda *_: True
    ),
    "constant time": _early_end,
    "CSRF token": lambda patch: patch.setattr("flask_wtf.csrf.CSRFProtect.protect", lambda *_: None),
    "SameSite cookie": lambda patch: patch.setattr(
        "flask.sessions.SecureCookieSessionInterface.get_cookie_samesite", lambda *_: None
    ),
    "no cookie at the API": _cookie_counts,
    "password": lambda patch: patch.setattr("services.sign_in.SignIn._is_right", lambda *_: True),
    "few tries": lambda patch: patch.setattr("services.sign_in._FROM_ONE", 10**9),
    "session exchanged": _session_kept,
    "session ended": lambda patch: patch.setattr("harvester.ledger.sessions.end", lambda *_: None),
    "session aged": _ageless,
    "session digest": lambda patch: patch.setattr("services.sign_in.SignIn._digest", lambda _, key: key),
    "cookie attributes": _bare_cookie,
    "token scopes": lambda patch: _token_with(patch, scopes=frozenset({"read", "run"})),
    "token of one client": lambda patch: _token_with(patch, client_id=None),
    "token secret": lambda patch: patch.setattr(
        "services.api_tokens.hmac", SimpleNamespace(compare_digest=lambda *_: True)
    ),
    "keys apart": _keys_together,
    "token over": lambda patch: patch.setattr(
        "harvester.ledger.api_tokens.ApiToken.is_over", lambda *_: False
    ),
}
