"""What makes a URL usable as a setting, and how to show one that may hold a password."""

from __future__ import annotations

import ipaddress
import re
from pathlib import PurePath
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_SQLITE = "sqlite:///"
_POSTGRES = "postgresql+psycopg://"
#: Heroku and others give the first; SQLAlchemy takes the second to mean psycopg2.
_OTHER_POSTGRES = ("postgres://", "postgresql://")


def is_loopback(url: str) -> bool:
    """Say whether the URL's host is this machine itself: `localhost`, 127.0.0.0/8 or ::1."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_password(url: str) -> str:
    """Return a database or queue URL fit to be shown: user, password and query string masked."""
    head, _, _ = url.partition("?")
    return re.sub(r"//.*@", "//***@", head, flags=re.DOTALL)


def secrets_in(url: str) -> list[str]:
    """Give what a database or queue URL keeps secret: its password, as it is written and as it is meant."""
    try:
        parts = urlsplit(url)
        named = [value for name, value in parse_qsl(parts.query) if name == "password"]
    except ValueError:
        return []
    return [one for password in (parts.password or "", *named) for one in (password, unquote(password))]


def secrets_of_address(url: str) -> list[str]:
    """Give what is secret of a URL that is a secret as a whole, since libraries log it in pieces.

    Pieces that are plain words are left out: no line could be read without them.
    """
    try:
        parts = urlsplit(url)
        pieces = [
            parts.username or "",
            *parts.path.split("/"),
            *(value for _, value in parse_qsl(parts.query)),
        ]
    except ValueError:
        return [url]
    host = parts.netloc.rpartition("@")[2]
    pieces += (
        [host] if "." not in host and not is_loopback(url) else []
    )  # of some services, such as Telegram, the token stands there
    telling = [one for piece in pieces for one in (piece, unquote(piece)) if _is_random(one)]
    whole_path = parts.path + (f"?{parts.query}" if parts.query else "")
    return [url, *secrets_in(url), *telling, *([whole_path] if _is_random(whole_path) else [])]


def _is_random(text: str) -> bool:
    return len(text) >= 16 or (len(text) >= 8 and any(character.isdigit() for character in text))


def checked_http_url(text: str) -> str:
    """Return the URL without a slash at its end; ValueError unless https, or http of a loopback host."""
    parts = _split(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it must be an https URL with a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("it must not have a query or a fragment")
    if parts.scheme == "http" and not is_loopback(text):
        raise ValueError("it must be https (http is for a loopback host alone)")
    return text.rstrip("/")


def checked_ping_url(text: str) -> str:
    """Return the URL as it is, for some services keep words in its query; ValueError as above otherwise."""
    if "#" in text:
        raise ValueError("it must not have a fragment")
    _split(text)
    checked_http_url(text.partition("?")[0])
    return text


def checked_collector_url(text: str) -> str:
    """Return the URL without a slash at its end; ValueError as for `checked_http_url`, but http will do.

    A collector stands beside the service, as a rule, and what it is sent holds no secret.
    """
    checked_http_url("https:" + text.removeprefix("http:") if text.startswith("http:") else text)
    return text.rstrip("/")


def checked_origin(text: str) -> str:
    """Return the URL like `checked_http_url`; ValueError also when it has a path."""
    url = checked_http_url(text)
    if urlsplit(url).path:
        raise ValueError("it must not have a path")
    return url


def checked_database_url(text: str) -> str:
    """Return a SQLite or PostgreSQL URL in SQLAlchemy's words; ValueError for any other."""
    for prefix in _OTHER_POSTGRES:
        if text.startswith(prefix):
            text = _POSTGRES + text.removeprefix(prefix)
    if text.startswith(_SQLITE):
        _check_file(sqlite_path(text))
    elif not text.startswith(_POSTGRES):
        raise ValueError("it must start with sqlite:/// or postgresql+psycopg://")
    elif not (_split(text).hostname or _split(text).path.strip("/") or "?" in text):
        raise ValueError("it names neither a host nor a database")
    return text


def checked_queue_url(text: str) -> str:
    """Return a SQLite, PostgreSQL or Redis URL; ValueError for any other."""
    if not text.startswith(("redis:", "rediss:")):
        return checked_database_url(text)
    if not _split(text).hostname:
        raise ValueError("it must name the host of Redis")
    return text


def sqlite_path(url: str) -> str | None:
    """Return the path of a SQLite URL's file, as given, or None for another URL."""
    return url.removeprefix(_SQLITE).partition("?")[0] if url.startswith(_SQLITE) else None


def queue_beside(database_url: str) -> str:
    """Return the queue's URL that follows from the ledger's: a file beside its file, or the same server."""
    path = sqlite_path(database_url)
    if path is None:
        return database_url
    ledger = PurePath(path)
    return f"{_SQLITE}{ledger.with_name(f'{ledger.stem}-queue.db')}"


def _check_file(path: str | None) -> None:
    if not path or path.endswith("/") or path.startswith((":", "file:")):
        raise ValueError("it must name a plain file: several processes share it, and it must outlive them")


def _split(text: str) -> SplitResult:
    """Like urlsplit, which drops tabs and newlines silently and checks the port only when asked for it."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("it holds a space, a control character or a letter outside ASCII")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("it is no URL: its host or port is malformed") from None
    return parts
