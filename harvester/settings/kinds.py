"""The kinds of value that settings have. A refusal is a ValueError: a sentence about "it", no value."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from harvester import cron
from harvester.normalise import startable
from harvester.settings.urls import (
    checked_collector_url,
    checked_database_url,
    checked_http_url,
    checked_ping_url,
    checked_queue_url,
)
from harvester.settings.weak_secrets import is_placeholder, password_of

#: Bytes, or characters, of a key that signs: as many as the digests have that are made with it.
_LEAST_KEY = 32
_ALERT_SEPARATOR = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_ARGON2ID = re.compile(r"\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[^$\s]+\$[^$\s]+")

#: A worker with Airtable on needs some 230 at rest.
_LEAST_MEGABYTES = 512
_Value = TypeVar("_Value")


def _text(secret: SecretStr) -> str:
    return secret.get_secret_value()


def _real(secret: SecretStr) -> SecretStr:
    if is_placeholder(_text(secret)):
        raise ValueError("it is still a placeholder")
    return secret


def _real_password(secret: SecretStr) -> SecretStr:
    if is_placeholder(password_of(_text(secret))):
        raise ValueError("its password is still a placeholder")
    return secret


def _visible(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", _text(secret)):
        raise ValueError("it holds a blank or another character that no HTTP header carries")
    return secret


def _long_key(secret: SecretStr) -> SecretStr:
    if len(_text(secret).encode()) < _LEAST_KEY:
        raise ValueError("it is shorter than 32 bytes")
    return secret


def _long_text(secret: SecretStr) -> SecretStr:
    if len(_text(secret)) < _LEAST_KEY:
        raise ValueError("it is shorter than 32 characters")
    return secret


def _password_hash(secret: SecretStr) -> SecretStr:
    if not _ARGON2ID.fullmatch(_text(secret)):
        raise ValueError("it is no argon2id hash (a shell may have taken its $ signs for variables)")
    return secret


def _database(secret: SecretStr) -> SecretStr:
    return SecretStr(checked_database_url(_text(secret)))


def _queue(secret: SecretStr) -> SecretStr:
    return SecretStr(checked_queue_url(_text(secret)) if _text(secret) else "")


def _alert_url(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", _text(secret)):
        raise ValueError("it is no Apprise URL (scheme://...)")
    return secret


def _at_commas(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _at_alert_urls(value: object) -> object:
    return _ALERT_SEPARATOR.split(value) if isinstance(value, str) else value


def _no_gaps(value: object) -> object:
    if isinstance(value, list) and "" in value:
        raise ValueError("it has an empty entry (two commas in a row, or one at an end)")
    return value


def _distinct(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    if len(set(values)) < len(values):
        raise ValueError("it has the same entry twice")
    return values


def _actor(text: str) -> str:
    return startable(text).actor_id


def _base_id(text: str) -> str:
    if not re.fullmatch(r"app[A-Za-z0-9]{14}", text):
        raise ValueError("it must be app and 14 letters or digits")
    return text


def _zone(text: str) -> str:
    cron.zone_of(text)
    return text


def _ping_url(secret: SecretStr) -> SecretStr:
    checked_ping_url(_text(secret))
    return secret


def _enough_memory(megabytes: int) -> int:
    if 0 < megabytes < _LEAST_MEGABYTES:
        raise ValueError(f"it must be 0, or {_LEAST_MEGABYTES} or more")
    return megabytes


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise ValueError("it is neither an IP address nor a network such as 10.0.0.0/8") from None


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Token = Annotated[SecretStr, AfterValidator(_real), AfterValidator(_visible)]
SigningKey = Annotated[SecretStr, AfterValidator(_real), AfterValidator(_long_key)]
SessionKey = Annotated[SecretStr, AfterValidator(_real), AfterValidator(_long_text)]
PasswordHash = Annotated[SecretStr, AfterValidator(_real), AfterValidator(_password_hash)]
AlertUrl = Annotated[
    SecretStr, AfterValidator(_real), AfterValidator(_alert_url), AfterValidator(_real_password)
]

Tokens = Annotated[
    tuple[Token, ...], BeforeValidator(_no_gaps), BeforeValidator(_at_commas), AfterValidator(_distinct)
]
SigningKeys = Annotated[
    tuple[SigningKey, ...], BeforeValidator(_no_gaps), BeforeValidator(_at_commas), AfterValidator(_distinct)
]
AlertUrls = Annotated[tuple[AlertUrl, ...], BeforeValidator(_at_alert_urls)]

Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_network)], ...],
    BeforeValidator(_no_gaps),
    BeforeValidator(_at_commas),
]

DatabaseUrl = Annotated[SecretStr, AfterValidator(_database), AfterValidator(_real_password)]
QueueUrl = Annotated[SecretStr, AfterValidator(_queue), AfterValidator(_real_password)]
HttpUrl = Annotated[str, AfterValidator(checked_http_url)]
CollectorUrl = Annotated[str, AfterValidator(checked_collector_url)]

ActorId = Annotated[str, AfterValidator(_actor)]
BaseId = Annotated[str, AfterValidator(_base_id)]
PostedLimit = Literal["any", "1h", "24h", "week", "month", "3months", "6months", "year"]
TimeZone = Annotated[str, AfterValidator(_zone)]
Cron = Annotated[str, AfterValidator(cron.checked)]
Missed = Annotated[Literal["last", "skip", "all"], BeforeValidator(_lower)]
HeartbeatUrl = Annotated[SecretStr, AfterValidator(_real), AfterValidator(_ping_url)]
LogFormat = Annotated[Literal["json", "text"], BeforeValidator(_lower)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)]

#: Seconds; the limit of 30 years keeps every moment that is reckoned with them within a datetime's range.
Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
#: US dollars.
Money = Annotated[Decimal, Field(gt=0, le=1_000_000, allow_inf_nan=False)]
AtLeastOne = Annotated[int, Field(ge=1, le=10_000)]
NoneOrMore = Annotated[int, Field(ge=0, le=100_000)]
#: Megabytes of memory, none for no limit. Below the least, threads die of it that nobody waits for.
Memory = Annotated[int, Field(ge=0, le=1_000_000), AfterValidator(_enough_memory)]
Port = Annotated[int, Field(ge=1, le=65_535)]
