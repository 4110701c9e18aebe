"""JSON in columns: written and read by orjson, and by the slower standard library what orjson refuses."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

import orjson

#: What is no JSON by itself is a mistake of ours, and stays one.
_STRICT: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def written(value: Any) -> str:
    """Write a value. Raises `TypeError` for what JSON has no word for."""
    with suppress(TypeError):  # lone surrogates, numbers of more than 64 bits, keys that are no text
        return orjson.dumps(value, option=_STRICT).decode()
    return json.dumps(value)


def read(text: str | bytes) -> Any:
    """Read what `written` wrote, now or with the standard library alone. Raises `ValueError`."""
    with suppress(orjson.JSONDecodeError):  # NaN and its like, which the standard library writes
        return orjson.loads(text)
    return json.loads(text)
