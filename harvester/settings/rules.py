"""Rules between settings. A rule hangs on the later field and finds the earlier ones in `info.data`.

An earlier field that was refused is missing there; the rule is then silent, its problem being told already.
"""

from __future__ import annotations

import os
from typing import TypeVar

from pydantic import SecretStr, ValidationInfo

from harvester.settings.urls import checked_origin, is_loopback, queue_beside, sqlite_path
from harvester.settings.weak_secrets import password_of, weakness

_Value = TypeVar("_Value")


def public_url(value: str, info: ValidationInfo) -> str:
    """Fill in this machine's address where Apify is the sandbox; elsewhere the setting is required."""
    if value:
        return checked_origin(value)
    if not {"apify_api_url", "port"} <= info.data.keys():
        return value
    if is_loopback(info.data["apify_api_url"]):
        return f"http://127.0.0.1:{info.data['port']}"
    raise ValueError("it is required, and is not set")


def queue_url(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Follow `DATABASE_URL` unless set; the ledger's SQLite file is refused: each would lock the other."""
    if "database_url" not in info.data:
        return value
    ledger = info.data["database_url"].get_secret_value()
    given = value.get_secret_value()
    if given and _file(given) is not None and _file(given) == _file(ledger):
        raise ValueError("it must not be the file of DATABASE_URL")
    return value if given else SecretStr(queue_beside(ledger))


def not_guessed(value: _Value, info: ValidationInfo) -> _Value:
    """Refuse tokens and keys that can be guessed, where others than this machine may try them."""
    if _is_public(info):
        tokens = _secrets(value)
        for number, token in enumerate(tokens, start=1):
            if weak := weakness(token):
                raise ValueError(f"entry {number}: {weak}" if len(tokens) > 1 else weak)
    return value


def apart(value: _Value, info: ValidationInfo) -> _Value:
    """Refuse a secret that an earlier setting has too, in a service that others can reach.

    Who learns the one by its purpose would have the other; and neither could be changed alone.
    """
    if _is_public(info):
        for name, other in info.data.items():
            if name != info.field_name and set(_secrets(other)) & set(_secrets(value)):
                raise ValueError(f"it is the secret of {name.upper()} as well; each needs one of its own")
    return value


def within_lease(seconds: float, info: ValidationInfo) -> float:
    """Refuse a call to Apify that could outlast the lease under which it is made."""
    if seconds >= info.data.get("lease_seconds", float("inf")):
        raise ValueError("it must be less than LEASE_SECONDS")
    return seconds


def beyond_airtable_timeout(seconds: float, info: ValidationInfo) -> float:
    """Refuse a fence that ends while the write before it may still be carried out."""
    if seconds <= info.data.get("airtable_timeout_seconds", 0):
        raise ValueError("it must be more than AIRTABLE_TIMEOUT_SECONDS")
    return seconds


def all_or_none(value: _Value, info: ValidationInfo) -> _Value:
    """Refuse a group of settings, of which this field is the last, that is set in part."""
    names = _GROUPS[info.field_name or ""]
    if not all(name in info.data for name in names[:-1]):
        return value
    states = {name.upper(): (info.data | {names[-1]: value})[name] is not None for name in names}
    if len(set(states.values())) > 1:
        there = " and ".join(name for name, is_set in states.items() if is_set)
        missing = " and ".join(name for name, is_set in states.items() if not is_set)
        raise ValueError(
            f"it belongs to a group that is set wholly or not at all: {there} set, {missing} not"
        )
    return value


_GROUPS = {
    "master_clients_base_id": ("airtable_api_key", "master_clients_base_id"),
    "scoring_model": ("scoring_api_key", "scoring_base_url", "scoring_model"),
}


def _is_public(info: ValidationInfo) -> bool:
    """Say whether others can reach this service, as they will where PUBLIC_URL has yet to be mended."""
    url = info.data.get("public_url")
    return url is None or (url != "" and not is_loopback(url))


def _secrets(value: object) -> list[str]:
    """Give the secrets of a setting: all of them if there are several, the password alone of a URL."""
    several = value if isinstance(value, tuple) else (value,)
    texts = [one.get_secret_value() for one in several if isinstance(one, SecretStr)]
    found = [password_of(text) if "://" in text else text for text in texts]
    return [secret for secret in found if secret]


def _file(url: str) -> str | None:
    path = sqlite_path(url)
    return None if path is None else os.path.abspath(path)
