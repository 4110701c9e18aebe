"""The text of a formula, cut into pieces. What is not known for certain to mean something is refused."""

import re
from typing import Literal, NamedTuple

from harvester.sandbox.airtable.errors import bad_formula


class Token(NamedTuple):
    """A piece of a formula: what it is, and its text without quotes or braces."""

    kind: Literal["number", "text", "field", "name", "sign", "end"]
    text: str


_PIECE = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?|\.\d+)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<field>\{[^{}\\]*\})
      | (?P<name>[^\W\d]\w*)
      | (?P<sign><=|>=|!=|[=<>&+\-*/(),])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t", "r": "\r"}


def tokens(text: str) -> list[Token]:
    """All pieces, and one that marks the end. Raises `ApiError` 422."""
    found: list[Token] = []
    place = 0
    while not found or found[-1].kind != "end":
        match = _PIECE.match(text, place)
        if match is None:
            raise bad_formula()
        found.append(_token(str(match.lastgroup), match[match.lastgroup or 0]))
        place = match.end()
    return found


def _token(kind: str, text: str) -> Token:
    if kind == "text":
        return Token("text", re.sub(r"\\(.)", _unescaped, text[1:-1], flags=re.DOTALL))
    if kind == "field":
        return Token("field", text[1:-1])
    if kind == "number":
        return Token("number", text)
    if kind == "name":
        return Token("name", text)
    return Token("sign" if kind == "sign" else "end", text)


def _unescaped(match: re.Match[str]) -> str:
    if match[1] not in _ESCAPES:
        raise bad_formula()
    return _ESCAPES[match[1]]
