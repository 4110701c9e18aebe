"""Run IDs: `YYMMDD-HHMMSS` (UTC) for a job run, the same and `-<client ID>` for a client run.

An ID is minted once, at kickoff, and passed on unchanged ever after: nothing here repairs or re-derives one.
`parse_base`, `require` and `require_client_id` stand where IDs come in from outside; the rest serves IDs that
are already in the ledger. Digits are ASCII digits: `\\d` and `str.isdigit` take those of every script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from harvester.errors import InvalidInput, InvalidRunId
from harvester.log import get_logger

#: Characters of a base ID, as in `261122-050000`.
BASE_LENGTH = 13

_BASE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})-([0-9]{2})([0-9]{2})([0-9]{2})")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_APIFY_ID = re.compile(r"[A-Za-z0-9]{17}")
_RETIRED = ("SR-", "smart_resume_", "job_")
_BLANK = " \t\r\n"
_EXPECTED_BASE = "expected YYMMDD-HHMMSS in UTC, as in 261122-050000"
_EXPECTED = "expected YYMMDD-HHMMSS in UTC, with or without -<client ID>, as in 261122-050000-Guy-Wilson"

_log = get_logger(__name__)


def candidates(now: datetime) -> Iterator[str]:
    """Yield base IDs from the second of `now` on, one per second, for the ledger to try in order.

    The year has two digits: an aware `now` from 2000 to 2099 is needed, anything else is a ValueError.
    """
    if now.tzinfo is None:
        raise ValueError("a run ID is minted from an aware datetime; this one has no time zone")
    second = now.astimezone(UTC).replace(microsecond=0)
    if not 2000 <= second.year <= 2099:
        raise ValueError(f"a run ID holds the years 2000 to 2099, not {second.year}")
    while second.year <= 2099:
        yield second.strftime("%y%m%d-%H%M%S")
        second += timedelta(seconds=1)


def is_run_id(text: str) -> bool:
    """Say whether this is a base or a full ID, to the letter."""
    return _is_base(text) or _is_full(text)


def is_client_run_id(text: str) -> bool:
    """Say whether this is a full ID, to the letter."""
    return _is_full(text)


def base_of(run_id: object) -> str:
    """Return the base of a base or full ID; an unknown format comes back unchanged, with a warning.

    Only something that is no string is an InvalidRunId: an old ID must not get lost on its way.
    """
    text = _text(run_id)
    if is_run_id(text):
        return text[:BASE_LENGTH]
    _log.warning("Run ID %s has an unknown format; its base is taken to be all of it", _shown(text))
    return text


def client_of(client_run_id: object) -> str:
    """Return the client ID of a full ID; InvalidRunId for anything else, a base ID among them."""
    text = _text(client_run_id)
    if not _is_full(text):
        raise _refusal(text, "no client run ID")
    return text[BASE_LENGTH + 1 :]


def client_run_id(run_id: object, client_id: object) -> str:
    """Return the full ID of this client: a base gets the suffix, the client's own full ID stays as it is.

    A suffix that is the client ID exactly twice collapses, with a warning. Whatever else follows the base,
    such as another client's ID, is an InvalidRunId; a malformed client ID is an InvalidInput.
    """
    client, text = require_client_id(client_id), _text(run_id)
    base, suffix = text[:BASE_LENGTH], text[BASE_LENGTH:]
    if not _is_base(base):
        raise _refusal(text, "no run ID")
    if suffix == f"-{client}-{client}":
        _log.warning("Run ID %s names its client twice; once is kept", _shown(text))
    elif suffix not in ("", f"-{client}"):
        raise _refusal(text, f"not a run ID of client {client}")
    return f"{base}-{client}"


def parse_base(text: object) -> str:
    """Return a base ID from outside without its surrounding blanks; InvalidRunId for anything else."""
    stripped = _text(text).strip(_BLANK)
    if not _is_base(stripped):
        raise _refusal(stripped, "no run ID of a job run", _EXPECTED_BASE)
    return stripped


def require(run_id: object, client_id: object | None = None) -> str:
    """Return a base or full ID from outside without its surrounding blanks; InvalidRunId for anything else.

    With `client_id` the answer is that client's full ID, by the rules of `client_run_id`.
    """
    text = _text(run_id).strip(_BLANK)
    if client_id is not None:
        return client_run_id(text, client_id)
    if not is_run_id(text):
        raise _refusal(text, "no run ID")
    return text


def require_client_id(text: object) -> str:
    """Return `text` if it is a client ID, unchanged; InvalidInput with code `invalid_client` if not."""
    if isinstance(text, str) and _CLIENT.fullmatch(text):
        return text
    shown = _shown(text) if isinstance(text, str) else f"a value of type {type(text).__name__}"
    raise InvalidInput(
        f"{shown} is no client ID: expected 1 to 64 of A-Z a-z 0-9 _ -, the first a letter or digit",
        code="invalid_client",
    )


def _is_base(text: str) -> bool:
    match = _BASE.fullmatch(text)
    if match is None:
        return False
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        datetime(2000 + year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True


def _is_full(text: str) -> bool:
    base, hyphen, client = text[:BASE_LENGTH], text[BASE_LENGTH : BASE_LENGTH + 1], text[BASE_LENGTH + 1 :]
    return hyphen == "-" and _CLIENT.fullmatch(client) is not None and _is_base(base)


def _text(run_id: object) -> str:
    if isinstance(run_id, str):
        return run_id
    raise InvalidRunId(f"a value of type {type(run_id).__name__} is no run ID: {_EXPECTED}")


def _refusal(text: str, verdict: str, expected: str = _EXPECTED) -> InvalidRunId:
    return InvalidRunId(f"{_shown(text)} is {verdict}{_hint(text)}: {expected}")


def _hint(text: str) -> str:
    if _BASE.fullmatch(text[:BASE_LENGTH]) and not _is_base(text[:BASE_LENGTH]):
        return f" ({text[:BASE_LENGTH]} is no date and time)"
    if _APIFY_ID.fullmatch(text):
        return " (it looks like an ID of Apify's own)"
    if text.startswith(_RETIRED):
        return " (that format is retired)"
    return ""


def _shown(text: str) -> str:
    """ASCII, quoted and short: the text may hold anything and ends up in answers and logs."""
    return ascii(text if len(text) <= 100 else text[:100] + "...")
