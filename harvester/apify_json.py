"""JSON from Apify, which is not always what a strict parser takes: an actor may cut a text in mid-emoji."""

from __future__ import annotations

import json
import re
import threading
from typing import Any, Final, NoReturn

import orjson

_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
#: From so many bytes on a document is weighed first, and only one is parsed at a time.
_LARGE: Final = 8 * 2**20
#: What a document may take as objects, in bytes for each byte that an answer may have.
_MOST_TIMES: Final = 4
#: What CPython takes for what begins with, or follows, one of these: a list, a dict, another value.
_WEIGHTS: Final = {b"[": 64, b"{": 184, b",": 64, b":": 64}
#: orjson's word for an allocation that failed.
_NO_MEMORY: Final = "not enough memory"

_one_large_at_a_time = threading.Lock()


class TooHeavy(ValueError):
    """A document would take too much memory as objects: many times what it has as text."""


def parse_bounded(content: bytes, most: int) -> Any:
    """Parse an answer where one may have `most` bytes. Raises `TooHeavy`, and what `parse` does.

    60 MB of `[],[],…` are well over a gigabyte of lists; and where memory ends in the midst of a document,
    orjson 3.13 dies of a null pointer, and the process with it, where the slower parser raises `MemoryError`.
    """
    if len(content) < _LARGE:
        return parse(content)
    if weight(content) > _MOST_TIMES * most:
        raise TooHeavy("Apify's answer would take too much memory (APIFY_ANSWER_MB)")
    with _one_large_at_a_time:
        return _slowly(content)


def weight(content: bytes) -> int:
    """Estimate what a document takes as objects, in bytes. Marks within texts count as well."""
    return len(content) + sum(each * content.count(mark) for mark, each in _WEIGHTS.items())


def parse(content: bytes) -> Any:
    """Parse JSON; half a surrogate pair comes out as it is. Raises `ValueError` for whatever else is no JSON,
    and `MemoryError`.

    One such half makes orjson refuse the whole document; the slower parser takes it.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if _NO_MEMORY in str(error).lower():
            raise MemoryError from None
        if not _LONE_SURROGATE.search(content):
            raise
    return _slowly(content)


def _slowly(content: bytes) -> Any:
    try:
        return json.loads(content, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
