"""Why an item became no post, in a few words that every log and every page can show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from harvester.normalise.text import clean_json, one_line
from harvester.posts import Reject, RejectReason

MAX_DETAIL: Final = 300  # characters of a reject's detail
_JSON_TYPES: Final = {
    type(None): "null",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}


def error_of(item: dict[str, Any], keys: Sequence[str] = ("error", "errorMessage", "message")) -> str:
    """Give the actor's own word of what went wrong, for a reject's detail."""
    for key in keys:
        told = item.get(key)
        if told and not isinstance(told, bool):
            return shown(told)
    return "the actor gave no reason"


def shown(value: object) -> str:
    """Give any JSON value in a few words."""
    if isinstance(value, str):
        return one_line(value, MAX_DETAIL)
    return one_line(orjson.dumps(clean_json(value, limit=MAX_DETAIL, depth=3)).decode(), MAX_DETAIL)


def json_type(value: object) -> str:
    """Name the type of a JSON value, with its article."""
    return _JSON_TYPES.get(type(value), "no JSON")


def not_an_object(item: object) -> Reject:
    """Refuse what is no object at all."""
    return Reject(RejectReason.NOT_AN_OBJECT, f"the item is {json_type(item)}")
