"""Requests and answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from harvester.sandbox.airtable.errors import ApiError, invalid
from harvester.sandbox.airtable.faults import Occasion
from harvester.sandbox.airtable.model import Base, Table
from harvester.sandbox.server import Answer, Raw
from harvester.sandbox.wire import JSON_TYPE, dumps, loads

#: A longer URL is refused; a list can be asked for with a POST instead.
MAX_URL = 16_000


@dataclass
class Call:
    """A request: what its path names, its query, its body still unread."""

    method: str
    path: str
    parts: list[str]
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    route: str = ""
    base: Base | None = None
    table: Table | None = None
    #: Records that the answer is about.
    rows: int = 0

    @classmethod
    def read(cls, raw: Raw) -> "Call":
        """From the wire."""
        parts = urlsplit(raw.target)
        query = parse_qs(parts.query, keep_blank_values=True)
        names = [unquote(part) for part in parts.path.split("/")[1:]] or [""]
        return cls(raw.method, unquote(parts.path), names, query, raw.headers, raw.body)

    def occasion(self) -> Occasion:
        """The request, as far as faults are concerned."""
        table = (self.table.id, self.table.name) if self.table else ()
        return Occasion(self.method, self.path, self.base.id if self.base else "", table)

    def text(self, name: str) -> str | None:
        """The last value of a query parameter."""
        given = self.query.get(name)
        return given[-1] if given else None

    def json(self) -> dict[str, Any]:
        """The body, which has to be an object. Raises `ApiError` 422."""
        try:
            given = loads(self.body)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise invalid("INVALID_REQUEST_BODY", "Could not parse request body")
        return given


def json_answer(value: Any, status: int = 200) -> Answer:
    """JSON, as all of Airtable's answers."""
    return Answer(status, dumps(value), {"Content-Type": JSON_TYPE})


def failure(error: ApiError) -> Answer:
    """An answer that is no success."""
    return json_answer(error.body, error.status)
