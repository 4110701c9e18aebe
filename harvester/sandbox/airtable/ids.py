"""Identifiers the way Airtable writes them."""

import re
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """A fresh identifier: three letters that say of what, and 14 letters and digits."""
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(14))


def is_id(prefix: str, text: str) -> bool:
    """Whether it looks like an identifier of that kind of thing."""
    return re.fullmatch(f"{prefix}[A-Za-z0-9]{{14}}", text) is not None
