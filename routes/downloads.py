"""Posts as files that are streamed: what stops the first row is still answered as an error."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from flask import Response

from services import exports

Rows = Iterator[dict[str, Any]]


def as_csv(rows: Rows) -> Response:
    """Answer with posts as a table."""
    return _named(Response(exports.csv_lines(_begun(rows)), mimetype="text/csv"), "posts.csv")


def as_jsonl(rows: Rows) -> Response:
    """Answer with posts, a JSON object a line."""
    return _named(Response(exports.jsonl(_begun(rows)), mimetype="application/jsonl"), "posts.jsonl")


def _begun(rows: Rows) -> Rows:
    """Read the first row before anything is answered: what stops it can still be told."""
    return chain(list(islice(rows, 1)), rows)


def _named(answer: Response, name: str) -> Response:
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
