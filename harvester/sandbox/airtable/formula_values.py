"""What a formula computes with: blank (None), numbers, texts, truth, moments, and the error that spreads.

What Airtable's documentation leaves open (a number against a text, a blank date in a comparison of dates)
is an error here, so that nobody comes to rely on a guess.
"""

import math
from datetime import datetime
from enum import Enum
from typing import Any

from harvester.sandbox.clock import iso


class Spoilt(Enum):
    """The one error value."""

    ERROR = "#ERROR!"


ERROR = Spoilt.ERROR
#: None, bool, int, float, str, a moment in UTC, or ERROR.
Value = Any


def kept(value: Value) -> bool:
    """Whether a filter keeps the row: not for 0, false, "", NaN, nothing or an error."""
    return value is not ERROR and truth(value)


def truth(value: Value) -> bool:
    """Whether a value counts as true."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


def number(value: Value) -> float | Spoilt:
    """For arithmetic: blank is 0, truth is 1; a text or a moment is an error."""
    if value is None:
        return 0
    if isinstance(value, (bool, int, float)):
        return value + 0
    return ERROR


def text(value: Value) -> str | Spoilt:
    """For functions of texts: blank is "", a moment is ISO 8601; how truth reads is not known."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bool) or value is ERROR:
        return ERROR
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)


def equal(left: Value, right: Value) -> bool | Spoilt:
    """`=`: blank equals 0, "" and itself; a text never compares with a number or a moment."""
    pair = _comparable(left, right)
    if pair is None:
        return ERROR
    return bool(pair[0] == pair[1])


def less(left: Value, right: Value) -> bool | Spoilt:
    """`<`: numbers, with blank as 0; moments; texts by code point are not known, so an error."""
    pair = _comparable(left, right)
    if pair is None or isinstance(pair[0], str) or pair[0] is None or pair[1] is None:
        return ERROR
    return bool(pair[0] < pair[1])


def _comparable(left: Value, right: Value) -> tuple[Any, Any] | None:
    if left is ERROR or right is ERROR:
        return None
    if left is None or right is None:
        return _with_blank(left, right)
    kinds = {_kind(left), _kind(right)}
    return (left, right) if len(kinds) == 1 else None


def _with_blank(left: Value, right: Value) -> tuple[Any, Any]:
    other = right if left is None else left
    blank = {"number": 0, "text": "", "moment": None, "": None}[_kind(other)]
    return (blank if left is None else left, blank if right is None else right)


def _kind(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return "text"
    return "moment" if isinstance(value, datetime) else "number"
