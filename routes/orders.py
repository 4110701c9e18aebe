"""What every order may carry: a run ID, a source, an idempotency key."""

from __future__ import annotations

import re
from typing import Any

from flask import request

from harvester.errors import InvalidInput
from routes import bodies

_KEY = re.compile(r"[!-~]{1,255}")


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
