"""Secrets that sing: each is one of its kind, and is found in whatever form it gets out."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus


def canary(name: str) -> str:
    """Make a secret that a header takes, with characters that each encoding writes its own way."""
    return f"{name}-{secrets.token_hex(9)}~+{secrets.token_hex(9)}"


def word() -> str:
    """Make a secret of letters and digits alone."""
    return secrets.token_hex(18)


def forms(secret: str) -> frozenset[bytes]:
    """Give what to look for: as it is, encoded in the usual ways, turned around, and either half."""
    middle = len(secret) // 2
    halves = (secret[:middle], secret[middle:])
    plain = {secret, secret[::-1], halves[1] + halves[0], *halves, *(half[::-1] for half in halves)}
    quoted = {quote(secret, safe=""), quote_plus(secret), quote(quote(secret, safe=""), safe="")}
    escaped = {secret.encode().hex(), secret.encode().hex().upper(), repr(secret)[1:-1]}
    return frozenset(text.encode() for text in plain | quoted | escaped) | frozenset(_in_base64(secret))


def _in_base64(secret: str) -> Iterator[bytes]:
    """Also as a part of something longer: the digits at its edges depend on what stands beside it."""
    for before in range(3):
        whole = b"\0" * before + secret.encode()
        sure = slice(-(-before * 8 // 6), len(whole) * 8 // 6)
        yield base64.b64encode(whole)[sure]
        yield base64.urlsafe_b64encode(whole)[sure]


def found(secrets_by_name: Mapping[str, str], places: Iterable[tuple[str, bytes]]) -> list[str]:
    """Say which secret is in which place, and what stands around it."""
    looked_for = [(name, form) for name, secret in secrets_by_name.items() for form in forms(secret)]
    told = []
    for place, content in places:
        for name, form in looked_for:
            at = content.find(form)
            if at >= 0:
                around = (
                    content[max(0, at - 80) : at] + b"[***]" + content[at + len(form) : at + len(form) + 40]
                )
                told.append(f"{name} in {place}: {around!r}")
    return told
