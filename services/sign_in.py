"""Signing in at the operations page: one password, sessions in the ledger, few tries.

A try counts as failed from before its password is looked at, so that many at once are no more than that many
tries. A session ends with its browser's sign-out, when it is idle for half a day, after a week, and when the
password is changed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from pydantic import SecretStr

from harvester import log
from harvester.errors import HarvesterError, LedgerUnavailable
from harvester.ledger import Ledger, sessions, sign_ins
from harvester.ledger.sessions import Session as Session
from harvester.normalise.text import one_line

#: Who signs in without a name.
NOBODY: Final = "operator"
_NAME_CHARS: Final = 40
_IDLE: Final = timedelta(hours=12)
_LONGEST: Final = timedelta(days=7)
#: A session's end is put off this often at the most: a page need not write.
_EVERY: Final = timedelta(minutes=10)
_PERIOD: Final = timedelta(minutes=5)
_FROM_ONE: Final = 10
_FROM_ALL: Final = 100
#: Longest password that is looked at, in bytes: the time that hashing takes grows with it.
_MOST_BYTES: Final = 1_024

_log = log.get_logger(__name__)


class WrongPassword(HarvesterError):
    """The password is not the operator's."""


class TooManyTries(HarvesterError):
    """Nobody is let in from there for some minutes, whatever the password."""

    permanent = False


class SignIn:
    """Lets the operator in, knows who is in, and lets out."""

    def __init__(
        self, ledger: Ledger, password_hash: SecretStr | None, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._hash = "" if password_hash is None else password_hash.get_secret_value()
        self._clock = clock

    def enter(self, password: str, *, name: str, address: str, instead_of: str | None = None) -> str:
        """Begin a session and give its key, which is to be kept in one browser alone.

        `instead_of` is the key that the browser had: its session ends, whoever else may know it.
        Raises `WrongPassword`, `TooManyTries`, `LedgerUnavailable`.
        """
        now = self._clock()
        called = one_line(name, _NAME_CHARS) or NOBODY
        with self._ledger.write() as tx:
            tx.exclusively(sign_ins.SIGN_IN)  # many at once must be counted one after the other
            since = now - _PERIOD
            from_one = sign_ins.failures(tx, since=since, address=address)
            if from_one >= _FROM_ONE or sign_ins.failures(tx, since=since) >= _FROM_ALL:
                raise TooManyTries("too many wrong passwords: try again in five minutes")
            line = sign_ins.begin(tx, address, now=now)
        if not self._is_right(password):
            _log.warning("A wrong password was given at the operations page, from %s", address)
            raise WrongPassword("that is not the password")
        key = secrets.token_urlsafe(32)
        with self._ledger.write() as tx:
            sign_ins.succeeded(tx, line, called)
            if instead_of is not None:
                sessions.end(tx, self._digest(instead_of))
            sessions.begin(tx, Session(self._digest(key), called, now, now, now + _IDLE))
        return key

    def who(self, key: str) -> Session | None:
        """Give the session of a key, and have it go on; None if it is over, or never was."""
        now = self._clock()
        digest = self._digest(key)
        with self._ledger.read() as tx:
            found = sessions.get(tx, digest, now=now)
        if found is None or found.created_at + _LONGEST < now:
            return None
        if now - found.seen_at >= _EVERY:
            self._goes_on(digest, now)
        return found

    def _goes_on(self, digest: str, now: datetime) -> None:
        """Put a session's end off; where nothing can be written, a page is still shown."""
        try:
            with self._ledger.write() as tx:
                sessions.seen(tx, digest, now=now, until=now + _IDLE)
        except LedgerUnavailable as error:
            _log.warning("The end of a session could not be put off: %s", error)

    def leave(self, key: str) -> None:
        """End the session of a key: no copy of its cookie is good any more."""
        with self._ledger.write() as tx:
            sessions.end(tx, self._digest(key))

    def _digest(self, key: str) -> str:
        return hashlib.sha256(f"{key}\n{self._hash}".encode()).hexdigest()

    def _is_right(self, password: str) -> bool:
        given = password.encode("utf-8", "surrogatepass")
        if not self._hash or len(given) > _MOST_BYTES:
            return False
        try:
            return PasswordHasher().verify(self._hash, given)
        except (Argon2Error, InvalidHashError):
            return False
