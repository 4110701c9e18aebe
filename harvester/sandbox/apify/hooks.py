"""Webhooks: what may be registered, who has which, which of them an event wakes."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from harvester.sandbox.apify.templates import DEFAULT_PAYLOAD, TemplateError, check
from harvester.sandbox.apify.wire import ApiError
from harvester.sandbox.clock import iso, new_id, utc_now
from harvester.sandbox.wire import loads

EVENTS = frozenset(
    [
        f"ACTOR.RUN.{name}"
        for name in ("CREATED", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "RESURRECTED")
    ]
    + [f"ACTOR.BUILD.{name}" for name in ("CREATED", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT")]
    + ["TEST"]
)
_TEXTS = ("payloadTemplate", "headersTemplate", "idempotencyKey", "description")
_FLAGS = ("shouldInterpolateStrings", "ignoreSslErrors", "doNotRetry", "isAdHoc")


@dataclass
class Hook:
    """One webhook. Ad hoc ones belong to a run, and fire once."""

    event_types: tuple[str, ...]
    request_url: str
    actor_id: str | None = None
    run_id: str | None = None
    payload_template: str = DEFAULT_PAYLOAD
    headers_template: str | None = None
    interpolate: bool = False
    idempotency_key: str | None = None
    ignore_ssl_errors: bool = False
    do_not_retry: bool = False
    description: str | None = None
    ad_hoc: bool = False
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=utc_now)
    fired: int = 0
    removed: bool = False

    def condition(self) -> dict[str, str]:
        """What the webhook listens to."""
        return {"actorRunId": self.run_id} if self.run_id else {"actorId": self.actor_id or ""}

    def as_json(self, user_id: str) -> dict[str, Any]:
        """The webhook as the API shows it."""
        return {
            "id": self.id,
            "createdAt": iso(self.created_at),
            "modifiedAt": iso(self.created_at),
            "userId": user_id,
            "isAdHoc": self.ad_hoc,
            "shouldInterpolateStrings": self.interpolate,
            "eventTypes": list(self.event_types),
            "condition": self.condition(),
            "ignoreSslErrors": self.ignore_ssl_errors,
            "doNotRetry": self.do_not_retry,
            "requestUrl": self.request_url,
            "payloadTemplate": self.payload_template,
            "headersTemplate": self.headers_template,
            "description": self.description,
            "lastDispatch": None,
            "stats": {"totalDispatches": self.fired},
        }

    def as_row(self, user_id: str) -> dict[str, Any]:
        """The webhook in a list: no templates there."""
        hidden = ("payloadTemplate", "headersTemplate", "description")
        row = {key: value for key, value in self.as_json(user_id).items() if key not in hidden}
        return row | {"isApifyIntegration": False, "isEnabled": True, "actionType": "HTTP_REQUEST"}


def decode_parameter(text: str) -> list[Hook]:
    """The webhooks of a start's `webhooks` parameter: base64 of a JSON array. Raises `ApiError` 400."""
    if not text:
        return []
    try:
        given = loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        message = "Query parameter webhooks must be a base64-encoded JSON array."
        raise ApiError(400, "invalid-input", message) from error
    if not isinstance(given, list):
        raise ApiError(400, "invalid-input", "Query parameter webhooks must be a base64-encoded JSON array.")
    return [read_hook(item) for item in given]


def read_hook(given: Any) -> Hook:
    """A webhook from JSON, its condition aside. Raises `ApiError` 400 for what Apify would refuse."""
    _need(isinstance(given, Mapping), "A webhook must be an object.")
    for name in _TEXTS:
        _need(isinstance(given.get(name), str | None), f"{name} must be a string.")
    for name in _FLAGS:
        _need(isinstance(given.get(name), bool | None), f"{name} must be a boolean.")
    hook = Hook(
        event_types=_events(given.get("eventTypes")),
        request_url=_url(given.get("requestUrl")),
        payload_template=given.get("payloadTemplate") or DEFAULT_PAYLOAD,
        headers_template=given.get("headersTemplate") or None,
        interpolate=bool(given.get("shouldInterpolateStrings")),
        idempotency_key=given.get("idempotencyKey"),
        ignore_ssl_errors=bool(given.get("ignoreSslErrors")),
        do_not_retry=bool(given.get("doNotRetry")),
        description=given.get("description"),
        ad_hoc=bool(given.get("isAdHoc")),
    )
    _check_templates(hook)
    return hook


def _events(value: Any) -> tuple[str, ...]:
    _need(isinstance(value, list) and len(value) > 0, "eventTypes: You must specify at least 1 values.")
    _need(
        all(isinstance(item, str) and item in EVENTS for item in value), "eventTypes holds an unknown event."
    )
    return tuple(value)


def _url(value: Any) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        valid = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    _need(valid, "Webhook URL must be a valid URL.")
    return str(value)


def _check_templates(hook: Hook) -> None:
    try:
        check(hook.payload_template, interpolate=hook.interpolate)
        if hook.headers_template is not None:
            headers = check(hook.headers_template, interpolate=hook.interpolate)
            _need(isinstance(headers, dict), "Headers template must be an object.")
    except TemplateError as error:
        raise ApiError(400, "schema-validation", str(error)) from error


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise ApiError(400, "schema-validation", message)


class HookBook:
    """All webhooks of the account. The caller holds the platform's lock."""

    def __init__(self) -> None:
        self._hooks: dict[str, Hook] = {}
        self._by_key: dict[str, Hook] = {}
        self._listening: defaultdict[str, list[Hook]] = defaultdict(list)

    def add(self, hook: Hook) -> Hook:
        """Register it, unless its idempotency key was used before: then the first one is returned."""
        key = hook.idempotency_key
        if key and key in self._by_key:
            return self._by_key[key]
        if key:
            self._by_key[key] = hook
        self._hooks[hook.id] = hook
        self._listening[hook.run_id or hook.actor_id or ""].append(hook)
        return hook

    def get(self, hook_id: str) -> Hook | None:
        """By id; a removed webhook is gone."""
        return self._hooks.get(hook_id)

    def remove(self, hook_id: str) -> None:
        """Forget a webhook; what it has still to send is given up."""
        hook = self._hooks.pop(hook_id, None)
        if hook:
            hook.removed = True
            self._listening[hook.run_id or hook.actor_id or ""].remove(hook)

    def all(self) -> list[Hook]:
        """In the order of their creation."""
        return list(self._hooks.values())

    def woken(self, event_type: str, actor_id: str, run_id: str, *, again: bool) -> list[Hook]:
        """Those that an event of a run wakes; `again`: ad hoc ones fire more than once."""
        return [
            hook
            for hook in (*self._listening.get(run_id, ()), *self._listening.get(actor_id, ()))
            if event_type in hook.event_types and (again or not (hook.ad_hoc and hook.fired))
        ]
