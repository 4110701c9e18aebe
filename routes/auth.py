"""Who may call: the bearer tokens of the HTTP API."""

from __future__ import annotations

import ipaddress

from flask import request

from harvester.errors import HarvesterError
from harvester.webhook_tokens import is_one_of
from routes.state import services

#: What proxies add. One on this machine that adds none of these makes every caller look local.
_PROXIES = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host", "X-Forwarded-Proto")


class TokenRequired(HarvesterError):
    """The call bears no token of this API, or a wrong one."""


def require_token() -> None:
    """Raise `TokenRequired` unless the request bears one of `API_TOKENS`."""
    if not is_one_of(request.headers.get("Authorization"), services().settings.api_tokens):
        raise TokenRequired("a bearer token of this API is needed in the Authorization header")


def on_loopback() -> bool:
    """Say whether the caller is on this machine; one that came through a proxy is not."""
    if any(request.headers.get(name) for name in _PROXIES):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
