"""How the demo asks its web process, and its sandbox."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any

import orjson

from harvester.cli.children import direct
from harvester.errors import HarvesterError

_PATIENCE_SECONDS = 30


def password(environ: Mapping[str, str]) -> str:
    """Give the password of the operations page: the start of the API's token, made anew each time."""
    return environ["API_TOKENS"][:8]


def call(
    environ: Mapping[str, str], path: str, *, body: dict[str, Any] | None = None, method: str | None = None
) -> dict[str, Any]:
    """Ask the web process. Raises `HarvesterError` if it gives no answer, or none that is well."""
    return _asked(environ["PUBLIC_URL"] + path, environ["API_TOKENS"], body, method)


def call_sandbox(
    environ: Mapping[str, str], path: str, *, body: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Ask the sandbox Apify for what happened there, or tell it what is to go wrong."""
    method = "GET" if body is None else "PUT"
    return _asked(environ["APIFY_API_URL"] + path, environ["APIFY_TOKEN"], body, method)


def _asked(url: str, token: str, body: Any, method: str | None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own server
        url,
        data=None if body is None else orjson.dumps(body),
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with direct.open(request, timeout=_PATIENCE_SECONDS) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
            return found
    except (OSError, orjson.JSONDecodeError) as error:
        raise HarvesterError(f"{url}: {error}") from error
