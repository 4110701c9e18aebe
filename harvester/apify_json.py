"""JSON from Apify, which is not always what a strict parser takes: an actor may cut a text in mid-emoji."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import orjson

_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(content: bytes) -> Any:
    """Parse JSON; half a surrogate pair comes out as it is. Raises `ValueError` for whatever else is no JSON.

    One such half makes orjson refuse the whole document; the slower parser takes it.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        if not _LONE_SURROGATE.search(content):
            raise
    try:
        return json.loads(content, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
