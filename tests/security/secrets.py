"""Secrets, and what lies on disk. Rows of the table, and how to disarm them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from security.rows import Proof, Threat

_SECRETS = "tests/security/test_secrets.py::"
_SETTINGS = "tests/test_settings.py::"
_HARVEST = "tests/security/test_secrets_in_a_harvest.py::"
_PIECES = f"{_SETTINGS}test_what_is_secret_in_a_url_is_masked_in_pieces_too"

THREATS: Final[tuple[Threat, ...]] = (
    Threat(
        "T12",
        "a secret gets out by a log, an error, an answer, a page, a backup or a trace",
        "secrets have a type that does not show them, the log masks each wherever it stands, answers to what "
        "nobody foresaw say nothing, and the ledger keeps digests in place of keys",
        (
            Proof(
                f"{_HARVEST}test_no_secret_comes_out_of_a_whole_harvest_with_failures", "pieces-of-addresses"
            ),
            Proof(
                f"{_SECRETS}test_no_piece_of_an_alerts_address_is_logged_when_it_is_used",
                "pieces-of-addresses",
            ),
            Proof(_PIECES, "pieces-of-addresses"),
            Proof(f"{_SECRETS}test_nothing_that_a_process_is_made_of_shows_a_secret", "type-of-secrets"),
            Proof(f"{_SETTINGS}test_no_form_of_the_settings_shows_a_secret", "type-of-secrets"),
            Proof(
                f"{_SECRETS}test_no_line_of_the_log_has_a_secret_however_it_gets_there", "masks-of-the-log"
            ),
            Proof(
                f"{_SECRETS}test_an_answer_to_what_nobody_has_foreseen_tells_nothing", "answers-say-nothing"
            ),
            Proof(f"{_SECRETS}test_the_ledger_has_no_key_that_opens_the_page", "digests-of-sessions"),
            Proof(f"{_SETTINGS}test_no_refusal_shows_a_secret", "refusals-without-values"),
        ),
    ),
    Threat(
        "T23",
        "it runs with secrets that are none, or can be guessed",
        "it does not start (exit code 2, everything wrong told at once, no value): placeholders, short keys; "
        "where strangers may try, also short tokens, and one secret for two purposes",
        (
            Proof(f"{_SETTINGS}test_a_placeholder_is_no_secret_wherever_it_stands", "no-placeholders"),
            Proof(f"{_SETTINGS}test_a_bad_value_is_refused_by_name_with_a_remedy", "long-keys"),
            Proof(f"{_SETTINGS}test_a_token_may_be_short_on_this_machine_alone", "long-tokens"),
            Proof(
                f"{_SETTINGS}test_one_secret_serves_one_purpose_where_strangers_may_reach_it",
                "one-secret-one-purpose",
            ),
        ),
    ),
)


def _mask_no_pieces(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.settings.model._SECRET_PARTS", {})


def _show_secrets(patch: pytest.MonkeyPatch) -> None:
    from pydantic import SecretStr

    def shown(secret: SecretStr) -> str:
        return secret.get_secret_value()

    patch.setattr(SecretStr, "__repr__", shown)
    patch.setattr(SecretStr, "__str__", shown)


def _mask_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.log.redact", lambda text: text)


def _tell_what_went_wrong(patch: pytest.MonkeyPatch) -> None:
    from routes import errors

    patch.setattr(errors, "problem", lambda error: errors.Problem(500, "internal_error", str(error)))


def _keep_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("services.sign_in.SignIn._digest", lambda _, key: key)


def _repeat_values(patch: pytest.MonkeyPatch) -> None:
    from harvester.settings import loading

    told = loading._problem

    def with_value(docs: Any, values: Any, details: Any) -> Any:
        from dataclasses import replace

        found = told(docs, values, details)
        return replace(found, problem=f"{found.problem} (now {values.get(found.name)})")

    patch.setattr(loading, "_problem", with_value)


def _take_placeholders(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.settings.kinds.is_placeholder", lambda _: False)


def _take_short_keys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.settings.kinds._LEAST_KEY", 0)


def _take_short_tokens(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.settings.rules.weakness", lambda _: None)


def _share_secrets(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("harvester.settings.rules._secrets", lambda _: [])


#: Ways to take a control away, by their names in the rows.
DISARMED: Final[Mapping[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "pieces-of-addresses": _mask_no_pieces,
    "type-of-secrets": _show_secrets,
    "masks-of-the-log": _mask_nothing,
    "answers-say-nothing": _tell_what_went_wrong,
    "digests-of-sessions": _keep_keys,
    "refusals-without-values": _repeat_values,
    "no-placeholders": _take_placeholders,
    "long-keys": _take_short_keys,
    "long-tokens": _take_short_tokens,
    "one-secret-one-purpose": _share_secrets,
}
