"""Who may call: the bearer tokens of the HTTP API."""

from __future__ import annotations

from flask import request

from harvester.errors import HarvesterError
from harvester.webhook_tokens import is_one_of
from routes.state import services


class TokenRequired(HarvesterError):
    """The call bears no token of this API, or a wrong one."""


def require_token() -> None:
    """Raise `TokenRequired` unless the request bears one of `API_TOKENS`."""
    if not is_one_of(request.headers.get("Authorization"), services().settings.api_tokens):
        raise TokenRequired("a bearer token of this API is needed in the Authorization header")
