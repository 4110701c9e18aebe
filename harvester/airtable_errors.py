"""The errors of the gateway to Airtable, and what Airtable's own answers mean. No I/O.

What matters of an error is what may have happened: nothing, or a write whose answer was lost.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from harvester.errors import HarvesterError
from harvester.log import redact
from harvester.normalise.text import one_line

#: How much of what Airtable says in an error is kept: it is stored, shown and logged.
_MESSAGE_CHARS: Final = 300
_TYPE_CHARS: Final = 80
#: The type of a 429 that no waiting helps against: the workspace's calls of the month are used up.
_CAP: Final = "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
#: Airtable has lost its place in a list, and wants to be asked for it from the beginning.
LOST_PLACE: Final = frozenset({"LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "INVALID_OFFSET_VALUE"})
#: An upsert whose key several records have. Its type is not documented; other clients go by these words.
_SEVERAL: Final = "cannot update more than one record"
_GONE: Final = frozenset({"ROW_DOES_NOT_EXIST", "MODEL_ID_NOT_FOUND"})
_RECORD_ID: Final = re.compile(r"\brec[A-Za-z0-9]{14}\b")
_FIELD: Final = re.compile(r"unknown field names?:\s*(?:\"([^\"]*)\"|([^,]+))", re.IGNORECASE)


class AirtableError(HarvesterError):
    """Base of the errors of this gateway. `code` is a stable word for records and answers."""

    code = "airtable_error"


class Unavailable(AirtableError):
    """Airtable was not reached, or a read failed. Nothing was done; the same call may work later."""

    permanent = False
    code = "airtable_unavailable"


class OutcomeUnknown(AirtableError):
    """A write was sent and its answer lost, or made no sense: it may have happened, now or in a while."""

    permanent = False
    code = "outcome_unknown"


class TooFast(AirtableError):
    """Airtable was asked too often (429), and did nothing. The base is left alone for some time."""

    permanent = False
    code = "too_fast"


class Capped(AirtableError):
    """The workspace has used up its calls of the month, and nothing was done. No waiting of ours helps."""

    permanent = False
    code = "monthly_cap"


class Blocked(AirtableError):
    """Our own gate is shut, and nothing was sent. `until`: when to ask again at the earliest."""

    permanent = False
    code = "blocked"

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class Denied(AirtableError):
    """Base of Airtable's noes, which do nothing and stay. `type` is its own word, `told` its message."""

    def __init__(self, type: str, told: str) -> None:
        super().__init__(f"Airtable refused: {type}: {told}" if told else f"Airtable refused: {type}")
        self.type = type
        self.told = told


class Refused(Denied):
    """Airtable takes this not. Of the records of one write none was written, though one may be at fault."""

    code = "refused"


class SeveralMatch(Denied):
    """An upsert would have had to change several records: they have the same key."""

    code = "several_match"


class RowGone(Denied):
    """Airtable has no record of that ID any more. `record_id` is None if that was not told, and several
    were sent. It need not be a record that was to be changed: a link field may name it.
    """

    code = "row_gone"

    def __init__(self, type: str, told: str, record_id: str | None = None) -> None:
        super().__init__(type, told)
        self.record_id = record_id


class UnknownField(Denied):
    """The table has no field of that name (any more). `name` is a name of ours or, from Airtable, an ID."""

    code = "unknown_field"

    def __init__(self, name: str, told: str = "") -> None:
        super().__init__("UNKNOWN_FIELD_NAME", told or f'Unknown field name: "{name}"')
        self.name = name


class NotAllowed(Denied):
    """The token does not work, or may not do this, or there is no such base or table.

    Airtable tells a stranger no more than that.
    """

    code = "not_allowed"


class BadAnswer(AirtableError):
    """Airtable answered a read with something that its API does not describe."""

    permanent = False
    code = "airtable_bad_answer"


def refusal(status: int, body: Any, *, writing: bool, sent: frozenset[str] = frozenset()) -> AirtableError:
    """Give the error that an answer of this status means; `body` is its JSON, or None if it is none.

    `sent` are the record IDs that the call named. Whether a write that failed on Airtable's side has
    happened is not known: 502 stands for a restart, and 503 for an answer that took too long.
    """
    type, told = _told(status, body)
    if status >= 500 or status == 408:
        lost = OutcomeUnknown if writing else Unavailable
        return lost(f"Airtable answered {status} {type}".strip())
    if status == 429:
        return (Capped if type == _CAP else TooFast)(f"Airtable answered 429 {type}: {told}")
    if status == 401:
        return NotAllowed(type, told)
    if type in _GONE or (status == 404 and sent):
        return _gone(type, told, sent)
    if status in (403, 404):
        return NotAllowed(type, told)
    return _refused(type, told)


def _refused(type: str, told: str) -> Denied:
    if _SEVERAL in told.lower():
        return SeveralMatch(type, told)
    unknown = _FIELD.search(told)
    if type == "UNKNOWN_FIELD_NAME" or unknown:
        return UnknownField((unknown[1] or unknown[2] or "").strip() if unknown else "", told)
    return Refused(type, told)


def _gone(type: str, told: str, sent: frozenset[str]) -> RowGone:
    named = _RECORD_ID.search(told)
    if named:
        return RowGone(type, told, named[0])
    return RowGone(type, told, next(iter(sent)) if len(sent) == 1 else None)


def _told(status: int, body: Any) -> tuple[str, str]:
    """Give type and message of an error. It comes as a word, as an object, or in a list under `errors`.

    The list is what pacing really answers (PipedreamHQ/pipedream#10130); the object is documented.
    """
    error: Any = body
    if isinstance(error, dict) and isinstance(error.get("errors"), list) and error["errors"]:
        error = error["errors"][0]
    message = error.get("message") if isinstance(error, dict) else None
    if isinstance(error, dict):
        error = error.get("error", error.get("type"))
    if isinstance(error, dict):
        error, message = error.get("type"), error.get("message", message)
    type = one_line(error, _TYPE_CHARS) if isinstance(error, str) else ""
    told = one_line(redact(message), _MESSAGE_CHARS) if isinstance(message, str) else ""
    return type or f"HTTP_{status}", told
