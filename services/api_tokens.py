"""Tokens of the API beside `API_TOKENS`: each has a name and may read or run or both, for all clients or one.

`ph_<id>_<secret>` is told once. The ledger holds the secret's digest: SHA-256, since a secret of 256 random
bits cannot be guessed from it, and a slow hash would be a way to keep us busy.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from harvester import log, run_ids
from harvester.errors import HarvesterError, InvalidInput, LedgerUnavailable
from harvester.ledger import Ledger, Tx, activity, api_tokens, clients
from harvester.ledger.api_tokens import ApiToken as ApiToken
from harvester.normalise.text import one_line
from harvester.webhook_tokens import bearer
from services import shapes
from services.kickoff import UnknownClient

Scope = Literal["read", "run"]
SCOPES: Final[tuple[Scope, ...]] = ("read", "run")
_NAME_CHARS: Final = 60
_FORM: Final = re.compile(rb"ph_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_ID_CHARS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
#: What is compared where there is no such token: looking takes as long.
_NONE: Final = "0" * 64
#: The last use of a token is written this often at the most: a request that reads need not write.
_EVERY: Final = timedelta(minutes=10)

_log = log.get_logger(__name__)


class UnknownToken(HarvesterError):
    """There is no token of this ID."""


class TokenRefused(HarvesterError):
    """A token cannot be made or exchanged; nothing was changed."""


class ApiTokens:
    """Makes, exchanges and takes back tokens, and knows them again."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def create(
        self,
        name: str,
        *,
        scopes: Collection[Scope] = SCOPES,
        client_id: str | None = None,
        lasts: timedelta | None = None,
        by: str,
    ) -> tuple[ApiToken, str]:
        """Make a token, and give it with its text, which nobody can be told again. `lasts` None: for good.

        Raises `InvalidInput`, `UnknownClient`, and `TokenRefused` where a good token has the name.
        """
        called = one_line(name, _NAME_CHARS + 1)
        if not 0 < len(called) <= _NAME_CHARS:
            raise InvalidInput(f"the name of a token has 1 to {_NAME_CHARS} characters")
        if client_id is not None:
            run_ids.require_client_id(client_id)
        now, (token_id, secret) = self._clock(), (_new_id(), secrets.token_urlsafe(32))
        until = None if lasts is None else now + lasts
        made = ApiToken(
            token_id, called, frozenset(scopes or SCOPES), client_id, now, by, until, _digest(secret)
        )
        with self._ledger.write() as tx:
            self._may_be_made(tx, made)
            api_tokens.keep(tx, made)
            self._note(tx, "create token", made, by, f"may {_may(made)}")
        return made, f"ph_{token_id}_{secret}"

    def every(self) -> list[dict[str, Any]]:
        """Show all of them, the newest first."""
        now = self._clock()
        with self._ledger.read() as tx:
            return [shown(one, now) for one in api_tokens.every(tx)]

    def rotate(self, token_id: str, *, overlap: timedelta, by: str) -> tuple[ApiToken, str]:
        """Give a token another secret; the one that it has is good so long. The one before that is not.

        Raises `UnknownToken`, and `TokenRefused` for one that is over.
        """
        now, secret = self._clock(), secrets.token_urlsafe(32)
        until = now + overlap if overlap > timedelta(0) else None
        with self._ledger.write() as tx:
            found = _found(tx, token_id)
            if found.is_over(now):
                raise TokenRefused(f"token {token_id} is {_state(found, now)}: create another")
            api_tokens.exchange(tx, found, _digest(secret), earlier_until=until)
            told = f"the old secret is good until {shapes.time(until)}" if until else "the old secret is over"
            self._note(tx, "rotate token", found, by, told)
        return replace(found, earlier_until=until), f"ph_{token_id}_{secret}"

    def revoke(self, token_id: str, *, by: str) -> bool:
        """Take a token back, at once. False if it was taken back before. Raises `UnknownToken`."""
        with self._ledger.write() as tx:
            found = _found(tx, token_id)
            if found.revoked_at is not None:
                return False
            api_tokens.revoke(tx, token_id, now=self._clock())
            self._note(tx, "revoke token", found, by, "it lets nobody in any more")
        return True

    def borne(self, authorization: str | None) -> ApiToken | None:
        """Give the token that an `Authorization` header bears; None if it is none, or over.

        The ledger is asked about nothing but what has the form of a token. Raises `LedgerUnavailable`.
        """
        match = _FORM.fullmatch(bearer(authorization or "") or b"")
        if match is None:
            return None
        with self._ledger.read() as tx:
            found = api_tokens.get(tx, match[1].decode())
        now, given = self._clock(), _digest(match[2].decode())
        proven = hmac.compare_digest(found.digest if found else _NONE, given)
        earlier = hmac.compare_digest((found.earlier_digest if found else None) or _NONE, given)
        in_time = found is not None and found.earlier_until is not None and now < found.earlier_until
        good = found is not None and not found.is_over(now) and (proven or (earlier and in_time))
        return found if good else None

    def used(self, token: ApiToken) -> None:
        """Note that a token has let somebody in. Who asked is answered even where that is lost."""
        now = self._clock()
        if token.last_used_at is not None and now - token.last_used_at < _EVERY:
            return
        try:
            with self._ledger.write() as tx:
                api_tokens.used(tx, token.id, now=now, unless_since=now - _EVERY)
        except LedgerUnavailable as error:
            _log.warning("The use of an API token could not be noted: %s", error)

    def _may_be_made(self, tx: Tx, made: ApiToken) -> None:
        """Refuse a name that would tell nobody who it was."""
        tx.exclusively("api token")
        if made.client_id is not None and clients.get(tx, made.client_id) is None:
            raise UnknownClient(f"there is no client {made.client_id}")
        same = [one for one in api_tokens.every(tx) if one.name == made.name]
        if any(not one.is_over(made.created_at) for one in same):
            raise TokenRefused(f"a token has the name {made.name!r}: rotate or revoke it, or take another")

    def _note(self, tx: Tx, operation: str, token: ApiToken, by: str, told: str) -> None:
        activity.record(
            tx,
            operation,
            source=by,
            client_run_id=None,
            client_id=token.client_id,
            ok=True,
            detail=f"{token.name} ({token.id}): {told}",
            now=self._clock(),
        )


def shown(token: ApiToken, now: datetime) -> dict[str, Any]:
    """Show a token, without anything that proves it."""
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "clientId": token.client_id,
        "state": _state(token, now),
        "createdAt": shapes.time(token.created_at),
        "createdBy": token.created_by,
        "expiresAt": shapes.time(token.expires_at),
        "oldSecretUntil": shapes.time(token.earlier_until),
        "lastUsedAt": shapes.time(token.last_used_at),
        "revokedAt": shapes.time(token.revoked_at),
    }


def _state(token: ApiToken, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.is_over(now) else "good"


def _may(token: ApiToken) -> str:
    whose = "for all clients" if token.client_id is None else f"for {token.client_id}"
    return f"{' and '.join(sorted(token.scopes))} {whose}"


def _found(tx: Tx, token_id: str) -> ApiToken:
    found = api_tokens.get(tx, token_id, lock=True)
    if found is None:
        raise UnknownToken(f"there is no token {token_id[:100]!r}: harvester tokens list names them")
    return found


def _new_id() -> str:
    return "".join(secrets.choice(_ID_CHARS) for _ in range(12))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
