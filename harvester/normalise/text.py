"""Text and JSON from outside, made fit for both databases once, at the edge."""

from __future__ import annotations

import math
import re
from typing import Any

MAX_TEXT = 1_000_000  # characters of one text; a longer one is cut and marked
MAX_DEPTH = 16  # levels of nested data; deeper ones become None
MAX_KEY = 200  # characters of a key in nested data
#: Beyond this, a number loses digits wherever JSON is read as floating point (SQLite's JSON, every browser).
MAX_EXACT = 2**53

# PostgreSQL refuses NUL in text, and neither database's driver can encode half a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# What could start a second line in a log, or turn the reading direction of the rest of one.
_LINE_BREAKERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
# Marks of direction that take no room: what stands beside them belongs together.
_MARKS = re.compile("[\u061c\u200e\u200f]+")
# A link in running text, without the punctuation that ends its sentence.
_LINK = re.compile(r"https?://[^\s<>\"\\]{1,2000}")
_AFTER_LINK = ".,;:!?)]}'\u2019\u201d\u2026"
MAX_LINKS = 50  # of one text


def clean(text: str, limit: int = MAX_TEXT) -> tuple[str, bool]:
    """`text` made storable and cut to `limit` characters, and whether it was cut; all else is untouched."""
    truncated = len(text) > limit
    if truncated:
        text = text[:limit]
    if "\x00" in text or not _encodable(text):
        text = _UNSTORABLE.sub("\ufffd", text)
    return text, truncated


def links_in(text: str) -> list[str]:
    """Give the http(s) links of a text, each once, in its order; at most `MAX_LINKS`."""
    if "://" not in text:
        return []
    found = (link.rstrip(_AFTER_LINK) for link in _LINK.findall(text))
    return list(dict.fromkeys(link for link in found if len(link) > 10 and link.isprintable()))[:MAX_LINKS]


def one_line(text: str, limit: int) -> str:
    """`text` cleaned for a log line or a table cell: one line, at most `limit` characters."""
    shown, _ = clean(text, limit)
    return _LINE_BREAKERS.sub(" ", _MARKS.sub("", shown)).strip()


def clean_json(value: object, *, limit: int = MAX_TEXT, depth: int = MAX_DEPTH) -> Any:
    """`value` as JSON that both databases store: strings and keys cleaned, strings cut at `limit` characters.

    Non-finite numbers, whatever lies deeper than `depth` and whatever is no JSON become None; integers too
    large to be exact everywhere become their decimal digits.
    """
    if isinstance(value, str):
        return clean(value, limit)[0]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _exact(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth <= 0:
        return None
    if isinstance(value, dict):
        return _clean_object(value, limit, depth - 1)
    if isinstance(value, list | tuple):
        return [clean_json(entry, limit=limit, depth=depth - 1) for entry in value]
    return None


def _clean_object(value: dict[Any, Any], limit: int, depth: int) -> dict[str, Any]:
    return {
        clean(key, MAX_KEY)[0]: clean_json(entry, limit=limit, depth=depth)
        for key, entry in value.items()
        if isinstance(key, str)
    }


def _exact(number: int) -> int | str | None:
    if -MAX_EXACT <= number <= MAX_EXACT:
        return int(number)
    # Python refuses to write out integers of more than 4,300 digits.
    return str(int(number)) if number.bit_length() < 1024 else None


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
