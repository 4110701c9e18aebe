"""Secrets are compared in constant time: no answer tells by its time how much of a guess was right."""

from __future__ import annotations

import hmac
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from factories import FakeClock
from pydantic import SecretStr

from harvester.ledger import Ledger
from harvester.webhook_tokens import TokenSigner, is_one_of
from services.api_tokens import ApiTokens

from .compared import compared

_ROOT = Path(__file__).parents[2]
_KEYS = [SecretStr(f"key number {number} of more than 32 bytes") for number in range(3)]
_COMPARE = hmac.compare_digest
#: What is called like a secret, and is none; or is nobody's.
NO_SECRETS = {
    'if token == ("sign", "("):': "a word of a formula",
    "if token != self._platform.options.token:": "the sandbox's own, which is told to whoever starts it",
    "if path is not None and secret in values:": "the name of a setting",
    "if always or known.get(column.name) != digests[column.name]:": "of what a cell holds",
    "if error.type in _UNKNOWN_TOKEN:": "kinds of Apify's errors",
    "if found.remarks and (before is None or before.reason != _digest(found)):": "of remarks about a client",
    'if endpoint == "do_leads.imported" and shell.KEY in cookie:': "whether there is a session",
}
PLANTED = (
    "ok = token == given",
    "ok = given != self.secret",
    "ok = request.headers['X-Api-Token'] == expected",
    "ok = settings.api_token.get_secret_value() == given",
    "ok = hashlib.sha256(given).hexdigest() == known",
    "ok = given in api_tokens",
    "ok = sha256(password) == kept",
)
HARMLESS = (
    "ok = token is None",
    "ok = token == ''",
    "ok = hmac.compare_digest(token, given)",
    "found = select(rows).where(rows.c.digest == digest)",
    "ok = token_id == other_id",
    "ok = len(token) > most",
)


@contextmanager
def _compared() -> Iterator[list[object]]:
    """Take down each call of the one comparison that takes the same time for all."""
    seen: list[object] = []

    def profile(_frame: object, what: str, called: object) -> None:
        if what == "c_call" and called is _COMPARE:
            seen.append(called)

    sys.setprofile(profile)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def _numbers(call: Callable[[str], object], *tokens: str) -> set[int]:
    """Give how many comparisons each of these tokens takes."""
    found = set()
    for token in tokens:
        with _compared() as seen:
            call(f"Bearer {token}")
        found.add(len(seen))
    return found


def test_a_webhooks_token_is_compared_in_constant_time() -> None:
    """With each key, whichever it names, and whether one was right or none."""
    signer = TokenSigner(_KEYS)
    good = signer.sign("intent", 1, "Ada")
    wrong = good[:-43] + "A" * 43
    unknown = good.replace(good.split(".")[1], "0" * 8)
    assert _numbers(signer.verify, good, wrong, unknown) == {6}


def test_a_token_of_the_settings_is_compared_in_constant_time() -> None:
    """With each of them, right or wrong, long or short."""
    texts = [*(key.get_secret_value().replace(" ", "") for key in _KEYS), "x", "x" * 5_000, "é", ""]
    keys = [SecretStr(text) for text in texts[:3]]
    assert _numbers(lambda header: is_one_of(header, keys), *texts) == {3}


def test_a_token_of_the_ledger_is_compared_in_constant_time(ledger: Ledger, clock: FakeClock) -> None:
    """Whether it is there, or exchanged, or none."""
    tokens = ApiTokens(ledger, clock)
    made, good = tokens.create("n", by="t")
    wrong, unknown = good[:16] + "A" * 43, f"ph_{'0' * 12}_{'A' * 43}"
    assert _numbers(tokens.borne, good, wrong, unknown) == {2}
    tokens.revoke(made.id, by="t")
    assert _numbers(tokens.borne, good) == {2}


@pytest.mark.parametrize("package", ["harvester", "services", "routes"])
def test_no_secret_is_compared_by_equality(package: str) -> None:
    files = sorted((_ROOT / package).rglob("*.py"))
    assert files
    found = {str(file.relative_to(_ROOT)): set(compared(file.read_text())) for file in files}
    assert {file: left for file, lines in found.items() if (left := lines - NO_SECRETS.keys())} == {}


@pytest.mark.parametrize("line", PLANTED)
def test_a_comparison_that_is_planted_is_found(line: str) -> None:
    assert compared(f"import hmac\n{line}\n") == [line]


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_such_comparison_is_let_be(line: str) -> None:
    assert compared(line) == []
