"""JSON as the sandboxes read and write it."""

import json
from typing import Any

import orjson

JSON_TYPE = "application/json; charset=utf-8"


def dumps(value: Any) -> bytes:
    """JSON bytes; lone surrogates, which orjson refuses, survive as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode()


def loads(body: bytes) -> Any:
    """Parse JSON, without the NaN and Infinity that Python would let in. Raises `ValueError`."""
    return json.loads(body, parse_constant=_no_number)


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
