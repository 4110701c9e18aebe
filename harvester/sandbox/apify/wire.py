"""Requests and answers: envelopes, error types, bodies in several encodings, query parameters."""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from harvester.sandbox import server
from harvester.sandbox.wire import JSON_TYPE, dumps

#: Largest request body that Apify takes, in bytes.
MAX_BODY_BYTES = 9_437_184


class ApiError(Exception):
    """An answer of Apify's that is no success: HTTP status, error type, one sentence."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.type = error_type


@dataclass
class Answer(server.Answer):
    """What goes back, and what it was about."""

    #: The actor run that this answer's request started.
    started_run: str = ""


@dataclass(frozen=True)
class Call:
    """A request that was let in: decoded body, query parameters, and what the path named."""

    method: str
    path: str
    query: "Query"
    headers: Mapping[str, str]
    body: bytes
    client_ip: str
    #: Where the sandbox itself is reached, for links in answers.
    base_url: str


def data(value: Any, status: int = 200, **headers: str) -> Answer:
    """The envelope of a success."""
    return plain({"data": value}, status, **headers)


def plain(value: Any, status: int = 200, **headers: str) -> Answer:
    """JSON without an envelope."""
    return Answer(status, dumps(value), {"Content-Type": JSON_TYPE, **headers})


def failure(error: ApiError) -> Answer:
    """The envelope of an error."""
    return plain({"error": {"type": error.type, "message": str(error)}}, error.status)


def check_size(length: int) -> None:
    """Refuse a body of more bytes than Apify takes. Raises `ApiError` 413."""
    if length > MAX_BODY_BYTES:
        message = (
            f"The POST payload is too large (limit: {MAX_BODY_BYTES} bytes, actual length: {length} bytes)."
        )
        raise ApiError(413, "request-too-large", message)


def decode_body(body: bytes, encoding: str) -> bytes:
    """Undo the Content-Encoding. Raises `ApiError` 400, 413 or 415."""
    check_size(len(body))
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name in ("gzip", "x-gzip", "deflate"):
        return _inflate(body, 47 if name.endswith("gzip") else 15)
    if name == "br":
        return _unbrotli(body)
    raise ApiError(415, "unsupported-content-encoding", f'Content-Encoding "{encoding}" is not supported.')


def _inflate(body: bytes, wbits: int) -> bytes:
    engine = zlib.decompressobj(wbits)
    try:
        plain_body = engine.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise ApiError(400, "invalid-request", "The request body could not be decompressed.") from error
    check_size(len(plain_body))
    if not engine.eof:
        raise ApiError(400, "invalid-request", "The compressed request body is incomplete.")
    return plain_body


def _unbrotli(body: bytes) -> bytes:
    try:
        import brotli  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        message = 'Content-Encoding "br" is not supported.'
        raise ApiError(415, "unsupported-content-encoding", message) from error
    try:
        plain_body = bytes(brotli.decompress(body))
    except brotli.error as error:
        raise ApiError(400, "invalid-request", "The request body could not be decompressed.") from error
    check_size(len(plain_body))
    return plain_body


class Query:
    """Query parameters, read strictly. Every reader raises `ApiError` 400 for a malformed value."""

    def __init__(self, text: str) -> None:
        self._values = parse_qs(text, keep_blank_values=True)

    def text(self, name: str, default: str = "") -> str:
        """The last value given."""
        return self._values.get(name, [default])[-1]

    def number(self, name: str) -> float | None:
        """A finite number, or None when absent."""
        given = self.text(name)
        if not given:
            return None
        try:
            value = float(given)
        except ValueError:
            value = float("nan")
        if not math.isfinite(value):
            raise ApiError(400, "invalid-input", f'Query parameter "{name}" must be a number.')
        return value

    def integer(self, name: str, *, minimum: int = 0) -> int | None:
        """A whole number of at least `minimum`, or None when absent."""
        value = self.number(name)
        if value is None:
            return None
        if value != int(value) or value < minimum:
            raise ApiError(400, "invalid-input", f'Query parameter "{name}" must be an integer >= {minimum}.')
        return int(value)

    def flag(self, name: str) -> bool:
        """A boolean: `true` or `1`."""
        given = self.text(name, "false").lower()
        if given not in ("true", "1", "false", "0", ""):
            raise ApiError(400, "invalid-input", f'Query parameter "{name}" must be a boolean.')
        return given in ("true", "1")

    def names(self, name: str) -> list[str]:
        """A comma-separated list, empty when absent."""
        joined = ",".join(self._values.get(name, []))
        return [part.strip() for part in joined.split(",") if part.strip()]

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 moment with its offset, or None when absent."""
        given = self.text(name)
        if not given:
            return None
        try:
            value = datetime.fromisoformat(given)
        except ValueError:
            value = datetime.min  # noqa: DTZ901 - stands for "no offset" below
        if value.tzinfo is None:
            raise ApiError(
                400, "invalid-input", f'Query parameter "{name}" must be an ISO 8601 date and time.'
            )
        return value


def listing(query: Query, rows: list[Any], **extra: Any) -> dict[str, Any]:
    """One page of a list: `offset`, `limit` (at most 1,000) and `desc` applied, in Apify's wrapper."""
    offset = query.integer("offset") or 0
    given = query.integer("limit")
    limit = 1000 if given is None else min(given, 1000)
    desc = query.flag("desc")
    page = (rows[::-1] if desc else rows)[offset : offset + limit]
    wrapper = {"total": len(rows), "offset": offset, "limit": limit, "desc": desc, "count": len(page)}
    return {**wrapper, **extra, "items": page}
