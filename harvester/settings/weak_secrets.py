"""What is no secret, though it stands where one should: placeholders, and what a guess would find.

The words are those of `.env.example` files in general, not of ours alone: settings travel with their habits.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

#: What `.env.example` has in place of a secret.
PLACEHOLDER: Final = "change-me"
#: Characters below which a bearer token can be guessed, where strangers may try: 64 bits in hexadecimal.
LEAST_TOKEN_CHARS: Final = 16

_PLACEHOLDERS: Final = re.compile(
    r"""
    (?: change | replace ) [-_ ]? (?: me | this | it ) .*
    | (?: change | replace | insert | put | paste | enter | fill | set | add )
        [-_ ]? (?: in | here | with | your | a | the ) (?: [^a-z] .* )?
    | your [-_ ] .*
    | (?: placeholder | todo | tbd | fixme ) (?: [^a-z] .* )?
    | dummy | example | sample | default
    | .* (?: goes | comes ) [-_ ]? here
    | < .* > | \[ .* \] | \{\{ .* \}\} | \$\{ [^}]* \} | \$[A-Z_]+
    | x{3,15} | \*+ | \.{3,} | …
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)


def is_placeholder(text: str) -> bool:
    """Say whether a text stands for a secret that somebody was to put there."""
    return _PLACEHOLDERS.fullmatch(text.strip()) is not None


def password_of(url: str) -> str:
    """Give the password that a URL holds, as it is meant; nothing if it holds none or is no URL."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def weakness(token: str) -> str | None:
    """Say why a token or key can be guessed; None if nothing tells that it can."""
    if len(token) >= LEAST_TOKEN_CHARS:
        return None
    return f"it is shorter than {LEAST_TOKEN_CHARS} characters, which can be guessed where strangers may try"
