"""Who may call: the bearer tokens of the HTTP API, and what each of them may."""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, request

from harvester.errors import HarvesterError
from harvester.webhook_tokens import is_one_of
from routes.state import BY, services
from services.api_tokens import ApiToken, Scope


class TokenRequired(HarvesterError):
    """The call bears no token of this API, or one that is wrong, or over."""


class Forbidden(HarvesterError):
    """The token that the call bears is good, and not for this."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; `token` is None for who bears one of `API_TOKENS`, and may everything."""

    token: ApiToken | None = None

    @property
    def client_id(self) -> str | None:
        """The one client that this caller may ask about; None for all of them."""
        return None if self.token is None else self.token.client_id


def let_in(scope: Scope | None, *, one_client: bool = False) -> Caller:
    """Give who calls, if they may do this: `scope` says what it is, `one_client` that it is about one alone.

    Raises `TokenRequired`, `Forbidden`, and `LedgerUnavailable`. What has no scope is for `API_TOKENS` alone.
    """
    found = _caller()
    if found.token is None:
        return found
    if scope not in found.token.scopes:
        raise Forbidden(f"this token may not {scope or 'do this'}: it may {_may(found.token)}")
    if found.client_id is not None and not one_client:
        raise Forbidden("this token is for one client alone, and what is asked here is not of one client")
    g.by = f"{BY}: {found.token.name}"
    g.caller = found
    return found


def caller() -> Caller:
    """Give who was let in."""
    found: Caller = g.get("caller", Caller())
    return found


def note(caller: Caller) -> None:
    """Note that a token has let somebody in."""
    if caller.token is not None:
        services().api_tokens.used(caller.token)


def by() -> str:
    """Name who asks, as the activity log has it."""
    return str(g.get("by", BY))


def _caller() -> Caller:
    """Find out who calls, by the `Authorization` header and nothing else."""
    borne = request.headers.get("Authorization")
    if is_one_of(borne, services().settings.api_tokens):
        return Caller()
    token = services().api_tokens.borne(borne)
    if token is None:
        raise TokenRequired("a bearer token of this API is needed in the Authorization header")
    return Caller(token)


def _may(token: ApiToken) -> str:
    return " and ".join(sorted(token.scopes)) or "nothing"
