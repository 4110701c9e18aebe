"""Posts as files: JSON lines, and CSV that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson

#: What makes a spreadsheet take a cell for a formula, also in its full width (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
#: What a spreadsheet may pass over before it looks for one.
_BLANK = re.compile("[\\s\u200b\ufeff]*")
#: Where a formula would begin if the file were split at semicolons, tabs and line ends, as Excel splits CSV
#: in many countries: it takes no notice then of the quotes in which commas put a cell.
_FORMULA_WITHIN = re.compile('(?<=[;\t\r\n])(?=[\\s\u200b\ufeff"]*[-=+@＝＋－＠])')
_COLUMNS: Final = (
    "postKey",
    "url",
    "kind",
    "text",
    "postedAt",
    "authorName",
    "authorUrl",
    "likes",
    "comments",
    "reposts",
    "images",
    "clientId",
    "leads",
    "clientRunId",
    "actorRunId",
    "firstSeenAt",
    "form",
    "postedPrecision",
    "names",
)


def jsonl(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Give each post as one line of JSON."""
    for row in rows:
        yield orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def csv_lines(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Give the posts as CSV (RFC 4180), its header first; lists are joined with spaces.

    An apostrophe stands before whatever a spreadsheet could take for a formula, wherever it splits lines:
    also before the dash of a list within a text. `jsonl` gives texts to the letter.
    """
    yield _line(_COLUMNS)
    for row in rows:
        flat = {**row, "authorName": row["author"]["name"], "authorUrl": row["author"]["url"]}
        flat["names"] = [f"{name['kind']}:{name['number']}" for name in row["names"]]
        yield _line([_cell(flat[name]) for name in _COLUMNS])


def _cell(value: object) -> str:
    text = " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
    begins = text.startswith(_FORMULA) or _BLANK.sub("", text, count=1).startswith(_FORMULA)
    return _FORMULA_WITHIN.sub("'", f"'{text}" if begins else text)


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
