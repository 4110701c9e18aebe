"""What a webhook's body says: read with care, and hardly believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from harvester import apify_json
from harvester.errors import InvalidInput
from harvester.normalise.text import one_line

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TEXT_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Payload:
    """The three things of a payload that are looked at. A TEST event names no actor run."""

    event_type: str
    apify_run_id: str | None
    created_at: str | None


def parse(body: bytes) -> Payload:
    """Read a webhook's body: Apify's default payload, or one of a template made by hand.

    The actor run is `eventData.actorRunId` and `resource.id`, which must agree, or else `actorRunId` or
    `runId`. Raises `InvalidInput` for what is no JSON object, has no `eventType`, or names its actor run
    by what is no ID of Apify's.
    """
    try:
        data = apify_json.parse(body)
    except ValueError as error:
        raise InvalidInput("the body is no JSON") from error
    if not isinstance(data, dict):
        raise InvalidInput("the body is no JSON object")
    event_type = _text(data.get("eventType"))
    if not event_type:
        raise InvalidInput("the body has no eventType")
    return Payload(event_type, _run_id(data), _text(data.get("createdAt")))


def _run_id(data: dict[str, Any]) -> str | None:
    event, resource = data.get("eventData"), data.get("resource")
    named = [
        event.get("actorRunId") if isinstance(event, dict) else None,
        resource.get("id") if isinstance(resource, dict) else None,
    ]
    told = [value for value in named if value is not None]
    told = told or [value for value in (data.get("actorRunId"), data.get("runId")) if value is not None][:1]
    if not all(isinstance(value, str) and _ID.fullmatch(value) for value in told) or len(set(told)) > 1:
        raise InvalidInput("the body names two actor runs, or one by what is no ID of Apify's")
    return told[0] if told else None


def _text(value: object) -> str | None:
    return one_line(value, _TEXT_CHARS) if isinstance(value, str) else None
