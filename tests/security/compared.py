"""Comparisons of secrets that stop at the first character which differs, found in source code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

_UNEQUAL_TIME: Final = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
#: What secrets are called, alone or at the end of a longer name.
_SECRET: Final = re.compile(
    r"(?:^|[_-])(?:secret|token|password|passphrase|digest|hexdigest|mac|hmac|signature|bearer|cookie|credential"
    r"|authorization|api[_-]?key|hash|get_secret_value)s?$",
    re.IGNORECASE,
)


def compared(source: str) -> list[str]:
    """Give the lines that compare something named like a secret with anything but a constant.

    A database's own comparison (`table.c.digest == digest`) looks a row up, and is no proof.
    """
    lines = source.splitlines()
    found = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Compare) and _is_one(node))
    return [lines[node.lineno - 1].strip() for node in found]


def _is_one(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    if not any(isinstance(operator, _UNEQUAL_TIME) for operator in node.ops):
        return False
    if any(isinstance(side, ast.Constant) or _is_column(side) for side in sides):
        return False
    return any(_SECRET.search(name) for side in sides for name in _names(side))


def _names(side: ast.expr) -> Iterator[str]:
    if isinstance(side, ast.Name):
        yield side.id
    elif isinstance(side, ast.Attribute):
        yield side.attr
    elif isinstance(side, ast.Call):
        yield from _names(side.func)
        for argument in side.args:
            yield from _names(argument)
    elif isinstance(side, ast.Subscript):
        yield from _names(side.value)
        if isinstance(side.slice, ast.Constant):
            yield str(side.slice.value)


def _is_column(side: ast.expr) -> bool:
    return (
        isinstance(side, ast.Attribute) and isinstance(side.value, ast.Attribute) and side.value.attr == "c"
    )
