"""Every status and code that a view can refuse with."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from routes.contract import asked
from routes.contract.answers.failures import Failure
from routes.contract.endpoint import Contract, Refuses

_MEANS: Final = {
    400: "What was asked makes no sense",
    401: "The token is missing or wrong",
    403: "Not for this caller",
    404: "There is none",
    409: "Something stands in the way",
    413: "The body is too large",
    429: "Not so often: try again later",
    500: "Something went wrong here",
    503: "Not now: try again later",
}
_SECONDS: Final = {"description": "Seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
_HEADERS: Final = {
    401: {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}},
    429: {"Retry-After": _SECONDS},
    503: {"Retry-After": _SECONDS},
}


def of(contract: Contract, *, in_path: bool) -> dict[int, Refuses]:
    """Give all that a view refuses with, by status; `in_path`: its path holds something."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    models = {status: refused.model for status, refused in contract.refuses.items()}
    for status, refused in contract.refuses.items():
        found[status] |= set(refused.codes)
    for where, model in (("query", contract.query), ("headers", contract.headers), ("body", contract.body)):
        if model is not None:
            found[400] |= asked.codes(model, where)
    found[400] |= set(contract.also)
    if contract.body is not None:
        found[400].add("invalid_body")
        found[413].add("body_too_large")
    if contract.caller != "anyone":
        found[401].add("unauthorized")
    if contract.caller == "api":
        found[403].add("forbidden")
    if in_path:
        found[404].add("not_found")
    if contract.ledger:
        found[503].add("ledger_unavailable")
    found[500].add("internal_error")
    told = {status: codes for status, codes in found.items() if codes}
    return {
        status: Refuses(tuple(sorted(codes)), models.get(status, Failure)) for status, codes in told.items()
    }


def shown(status: int, refused: Refuses) -> dict[str, Any]:
    """Write one status down, with its codes; what nearly every view refuses with is written down once."""
    if len(refused.codes) == 1 and refused.codes[0] in SHARED:
        return {"$ref": f"#/components/responses/{refused.codes[0]}"}
    return _shown(status, refused)


def _shown(status: int, refused: Refuses) -> dict[str, Any]:
    ref = f"#/components/schemas/{refused.model.__name__}"
    codes: dict[str, Any] = {"properties": {"code": {"enum": list(refused.codes)}}}
    example = {"ok": False, "error": f"{_MEANS[status]}.", "code": refused.codes[0]}
    answer: dict[str, Any] = {
        "description": f"{_MEANS[status]}: {', '.join(f'`{code}`' for code in refused.codes)}",
        "content": {"application/json": {"schema": {"allOf": [{"$ref": ref}, codes]}, "example": example}},
    }
    return answer | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


#: Answers that many views share, by their code.
SHARED: Final = {
    code: _shown(status, Refuses((code,)))
    for status, code in (
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "not_found"),
        (413, "body_too_large"),
        (500, "internal_error"),
        (503, "ledger_unavailable"),
    )
}
