"""What every order may carry: a run ID, a source, an idempotency key."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from harvester.errors import InvalidInput
from routes import bodies

_KEY = re.compile(r"[!-~]{1,255}")
_CLIENT = ("clientId", "client")


def run_id(body: dict[str, Any]) -> str | None:
    """Give the body's `runId`, None if it is absent. The service checks it."""
    given = bodies.text(body, "runId", code="invalid_run_id")
    if given is not None and not given.strip():
        raise InvalidInput("runId is empty: leave it out, or give YYMMDD-HHMMSS", code="invalid_run_id")
    return given


def source(body: dict[str, Any], *, otherwise: str) -> str:
    """Give the body's `source`. The service checks it."""
    return bodies.text(body, "source", code="invalid_source") or otherwise


def idempotency_key() -> str | None:
    """Give the header `Idempotency-Key`, None if there is none."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInput(
            "Idempotency-Key must have 1 to 255 visible ASCII characters", code="invalid_idempotency_key"
        )
    return key


def only(body: dict[str, Any], *names: str) -> None:
    """Refuse a name in query or body that is none of these, or of those that name a client.

    What narrows an order to somebody, misspelt and passed over, would have it done for all. Raises
    `InvalidInput`.
    """
    known = {*_CLIENT, *names}
    for where, code, given in (("query", "invalid_query", request.args), ("body", "invalid_body", body)):
        unknown = sorted(set(given) - known)
        if unknown:
            told = f"the {where} may hold {', '.join(sorted(known))}, not {unknown[0][:40]!r}"
            raise InvalidInput(told, code=code)


def client(body: dict[str, Any]) -> str | None:
    """Give the client that an order is for: by header, query or body. None if it is for all of them.

    A name that is empty is a mistake, that of a variable that is not set: nothing may be done for all because
    of it. Raises `InvalidInput`, also for two names that differ.
    """
    given = [request.headers.get("x-client-id")]
    given += [bodies.narrowing(name) for name in _CLIENT]
    given += [bodies.text(body, name) for name in _CLIENT]
    named = {name for name in given if name is not None}
    if "" in named:
        raise InvalidInput("the client is empty: leave it out, or name one", code="missing_client")
    if len(named) > 1:
        raise InvalidInput("header, query and body name different clients", code="invalid_body")
    return named.pop() if named else None
