"""Bearer tokens: those that we give Apify for one actor run's webhook, and those of the settings.

A webhook token names what it is for and proves it: `ph1.<key>.<intent>.<attempt>.<client>.<mac>`. It is
checked without the database, so a stranger's call costs one HMAC per key. Apify does not sign its webhooks:
this token, among the webhook's headers, is all the proof there is.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

#: Longest header value that is looked at; a token has 203 characters at most.
MAX_HEADER_LENGTH = 512

_VERSION = "ph1"
_HEADER = re.compile(rb"[ \t]*bearer +([!-~]+)[ \t]*", re.IGNORECASE)
_TOKEN = re.compile(
    rb"ph1\.([0-9a-f]{8})\.([A-Za-z0-9_-]{1,64})\.(0|[1-9][0-9]{0,8})\.([A-Za-z0-9][A-Za-z0-9_-]{0,63})"
    rb"\.([A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a verified token is for: this attempt of this intended actor run, for this client."""

    intent: str
    attempt: int
    client_id: str


@dataclass(frozen=True, slots=True)
class _Key:
    secret: bytes = field(repr=False)
    name: str

    def mac(self, intent: str, attempt: int, client_id: str) -> str:
        text = "|".join((_VERSION, self.name, intent, str(attempt), client_id))
        digest = hmac.digest(self.secret, text.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class TokenSigner:
    """Signs with the first of its keys and knows tokens of all of them, so that a key can be exchanged."""

    __slots__ = ("_keys",)

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        if not secrets:
            raise ValueError("webhook tokens need at least one key")
        self._keys = tuple(_key(secret.get_secret_value().encode()) for secret in secrets)

    def __repr__(self) -> str:
        return f"TokenSigner({', '.join(key.name for key in self._keys)})"

    def sign(self, intent: str, attempt: int, client_id: str) -> str:
        """Return the token; ValueError for parts that no token can hold, such as an intent with a dot."""
        key = self._keys[0]
        mac = key.mac(intent, attempt, client_id)
        token = f"{_VERSION}.{key.name}.{intent}.{attempt}.{client_id}.{mac}"
        if _TOKEN.fullmatch(token.encode()) is None:
            raise ValueError(
                f"no token can hold intent {intent!a}, attempt {attempt!a}, client {client_id!a}"
            )
        return token

    def verify(self, header_value: str | bytes | None) -> Claim | None:
        """Return what the token in an `Authorization` header is for; None, never an error, if unproven."""
        if header_value is None or len(header_value) > MAX_HEADER_LENGTH:
            return None
        match = _TOKEN.fullmatch(bearer(header_value) or b"")
        if match is None:
            return None
        name, intent, attempt, client_id, mac = match.groups()
        claim = Claim(intent.decode(), int(attempt), client_id.decode())
        return claim if self._proves(name, mac, claim) else None

    def _proves(self, name: bytes, mac: bytes, claim: Claim) -> bool:
        proven = False
        for key in self._keys:  # all of them, whichever is named: how long it takes tells nothing
            expected = key.mac(claim.intent, claim.attempt, claim.client_id)
            proven |= hmac.compare_digest(expected.encode(), mac) & hmac.compare_digest(
                key.name.encode(), name
            )
        return proven


def is_one_of(header_value: str | bytes | None, tokens: Sequence[SecretStr]) -> bool:
    """Say whether an `Authorization` header bears one of `tokens`; constant time, whatever their lengths."""
    borne = bearer(header_value or b"")
    given = hashlib.sha256(borne or b"").digest()
    known = False
    for token in tokens:
        expected = hashlib.sha256(token.get_secret_value().encode()).digest()
        known |= hmac.compare_digest(expected, given)
    return known and borne is not None


def _key(secret: bytes) -> _Key:
    return _Key(secret, hashlib.sha256(secret).hexdigest()[:8])


def bearer(header_value: str | bytes) -> bytes | None:
    """Give what an `Authorization` header bears as a bearer token, None if nothing.

    The scheme is case-insensitive (RFC 9110, 11.1); WSGI hands over any character below U+0100.
    """
    raw = header_value.encode("utf-8", "surrogatepass") if isinstance(header_value, str) else header_value
    match = _HEADER.fullmatch(raw)
    return match.group(1) if match else None
