"""Request bodies, read as far as they may be; and what the pages read of queries."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson
from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import RequestEntityTooLarge

from harvester.errors import InvalidInput

#: The largest body of a kickoff; the webhook has its own bound.
MAX_BODY_BYTES: Final = 64 * 1024
_DIGITS = re.compile(r"[0-9]{1,18}")


def bytes_up_to(most: int, *, keep: bool = False) -> bytes:
    """Give the body if it has at most so many bytes; `keep` it for who asks the request for it once more.

    A body that does not tell its length is cut at the limit without a word (Werkzeug 3.1), so one byte more
    is let in. Raises `RequestEntityTooLarge`, and `InvalidInput` for one that ended early.
    """
    request.max_content_length = most + 1
    try:
        body = request.get_data(cache=keep)
    except (OSError, ParseException) as error:
        raise InvalidInput("the body could not be read to its end") from error
    if len(body) > most:
        raise RequestEntityTooLarge(f"a body has {most} bytes at the most here")
    if request.content_length is not None and len(body) < request.content_length:
        raise InvalidInput("the body ended early")  # its sender was cut off: what it meant is not known
    return body


def keep_form() -> None:
    """Read the body of a form whole, before anything looks for its fields. Raises as `bytes_up_to` does."""
    bytes_up_to(request.max_content_length or MAX_BODY_BYTES, keep=True)


def json_object() -> dict[str, Any]:
    """Give the body as a JSON object; no body is an empty one. Raises `InvalidInput`."""
    body = bytes_up_to(MAX_BODY_BYTES)
    if not body.strip():
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"the body is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput("the body must be a JSON object")
    return found


def narrowing(name: str, *, code: str = "invalid_query") -> str | None:
    """Give what the query narrows a list by, None if it does not. PostgreSQL can compare no NUL."""
    given = request.args.get(name)
    if given is not None and "\0" in given:
        raise InvalidInput(f"{name} holds a NUL character", code=code)
    return given


def cursor() -> int | None:
    """Give the query's `cursor`, as an earlier answer's `nextCursor` had it."""
    given = request.args.get("cursor")
    if given is None:
        return None
    if not _DIGITS.fullmatch(given):
        raise InvalidInput("cursor must be the nextCursor of an earlier answer", code="invalid_cursor")
    return int(given)
