"""Firing webhooks: each dispatch is one event for one webhook, called up to twelve times."""

import http.client
import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from harvester.sandbox.apify.faults import FaultBook
from harvester.sandbox.apify.hooks import Hook
from harvester.sandbox.apify.options import Options
from harvester.sandbox.apify.oracle import HookCall, Oracle
from harvester.sandbox.apify.outgoing import OutgoingCall
from harvester.sandbox.apify.scheduler import Scheduler
from harvester.sandbox.apify.templates import render, render_headers
from harvester.sandbox.clock import iso, new_id, utc_now
from harvester.sandbox.wire import dumps

#: Calls of one dispatch in all: the first and eleven retries.
MAX_CALLS = 12
#: A test dispatch is retried three times only.
MAX_TEST_CALLS = 4
_FIRST_RETRY_SECONDS = 60.0
_FIXED = ("host", "content-type", "x-apify-webhook", "x-apify-webhook-dispatch-id", "x-apify-request-origin")
_WORKERS = 32
_log = logging.getLogger(__name__)


@dataclass
class Dispatch:
    """One firing. Its payload is fixed when the event happens."""

    hook: Hook
    event_type: str
    event_data: dict[str, str] | None
    variables: Mapping[str, Any]
    id: str = field(default_factory=new_id)
    created_at: datetime = field(default_factory=utc_now)
    status: str = "ACTIVE"
    calls: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self, user_id: str) -> dict[str, Any]:
        """The dispatch as the API shows it."""
        hook = self.hook
        summary = {"actionType": "HTTP_REQUEST", "condition": hook.condition(), "isAdHoc": hook.ad_hoc}
        return {
            "id": self.id,
            "userId": user_id,
            "webhookId": hook.id,
            "createdAt": iso(self.created_at),
            "status": self.status,
            "eventType": self.event_type,
            "eventData": self.event_data,
            "webhook": summary | {"requestUrl": hook.request_url},
            "calls": list(self.calls),
        }

    @property
    def run_id(self) -> str:
        """The actor run it is about, or '' for a test."""
        return (self.event_data or {}).get("actorRunId", "")


class Deliverer:
    """Makes the calls on threads of its own, with Apify's retries in scaled time."""

    def __init__(self, options: Options, scheduler: Scheduler, faults: FaultBook, oracle: Oracle) -> None:
        self._options = options
        self._scheduler = scheduler
        self._faults = faults
        self._oracle = oracle
        self._jitter = random.Random(f"jitter/{options.seed}")  # nosec B311 # repeatable chance, no cryptography
        self._lock = threading.Lock()
        self._dispatches: dict[str, Dispatch] = {}
        self._calling: set[OutgoingCall] = set()
        self._closed = False
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="sandbox-webhook")

    def fire(self, dispatch: Dispatch) -> None:
        """Begin to deliver, unless a fault is due."""
        with self._lock:
            self._dispatches[dispatch.id] = dispatch
        about = f"{dispatch.event_type} {dispatch.hook.request_url}"
        if self._faults.take("webhook-drop", text=about):
            self._give_up(dispatch, "Failed to handle dispatch: dropped on purpose")
            return
        late = self._faults.take("webhook-delay", text=about)
        seconds = max((fault.seconds for fault in late), default=0.0)
        for copy in (False, *(True for _ in self._faults.take("webhook-double", text=about))):
            self._later(seconds, partial(self._attempt, dispatch, copy))

    def get(self, dispatch_id: str) -> Dispatch | None:
        """By id."""
        with self._lock:
            return self._dispatches.get(dispatch_id)

    def all(self, hook_id: str | None = None) -> list[Dispatch]:
        """Of one webhook or of all, oldest first."""
        with self._lock:
            return [one for one in self._dispatches.values() if hook_id in (None, one.hook.id)]

    def by_status(self) -> Counter[str]:
        """How many there are in each state."""
        return Counter(dispatch.status for dispatch in self.all())

    def reset(self) -> None:
        """Forget all dispatches and cut the calls under way."""
        with self._lock:
            self._dispatches.clear()
            calling = list(self._calling)
        for call in calling:
            call.cut()

    def close(self) -> None:
        """Cut the calls under way and wait for the threads to end."""
        self._closed = True
        self.reset()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        if seconds > 0:
            self._scheduler.after(seconds, lambda: self._submit(action))
        else:
            self._submit(action)

    def _submit(self, action: Callable[[], None]) -> None:
        if not self._closed:
            self._pool.submit(_logged, action)

    def _attempt(self, dispatch: Dispatch, copy: bool) -> None:
        if dispatch.hook.removed:
            self._give_up(dispatch, "Webhook was removed.")
            return
        started = utc_now()
        status, text, error = self._call(dispatch)
        if self.get(dispatch.id) is None:
            return
        self._note(dispatch, started, status, text, error)
        self._oracle.hooked(
            HookCall(
                dispatch.id, dispatch.run_id, dispatch.event_type, dispatch.hook.request_url, iso(started),
                status, error, copy,
            )
        )  # fmt: skip
        if error is None:
            dispatch.status = "SUCCEEDED"
        elif not copy:
            self._retry(dispatch)

    def _call(self, dispatch: Dispatch) -> tuple[int | None, str | None, str | None]:
        hook = dispatch.hook
        try:
            body, headers = _request(dispatch)
            seconds = self._options.receiver_seconds
            call = OutgoingCall(hook.request_url, timeout=seconds, ignore_ssl_errors=hook.ignore_ssl_errors)
            with self._lock:
                self._calling.add(call)
            self._scheduler.after(seconds, call.cut)
            try:
                status, text = call.post(body, headers)
            finally:
                with self._lock:
                    self._calling.discard(call)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return None, None, f"Failed to handle dispatch: {error or type(error).__name__}"
        good = 200 <= status < 300
        return status, text, None if good else f"Endpoint responded with HTTP status code {status}"

    def _retry(self, dispatch: Dispatch) -> None:
        most = MAX_TEST_CALLS if dispatch.event_type == "TEST" else MAX_CALLS
        made = len(dispatch.calls)
        if dispatch.hook.do_not_retry or made >= most:
            dispatch.status = "FAILED" if dispatch.status == "ACTIVE" else dispatch.status
            return
        wait = self._options.scaled(_FIRST_RETRY_SECONDS * 2 ** (made - 1))
        self._later(wait * self._jitter.uniform(0.75, 1.25), partial(self._attempt, dispatch, False))

    def _give_up(self, dispatch: Dispatch, reason: str) -> None:
        self._note(dispatch, utc_now(), None, None, reason)
        dispatch.status = "FAILED"

    def _note(
        self, dispatch: Dispatch, started: datetime, status: int | None, text: str | None, error: str | None
    ) -> None:
        times = {"startedAt": iso(started), "finishedAt": iso(utc_now())}
        dispatch.calls.append(times | {"errorMessage": error, "responseStatus": status, "responseBody": text})


def _request(dispatch: Dispatch) -> tuple[bytes, dict[str, str]]:
    hook = dispatch.hook
    body = dumps(render(hook.payload_template, dispatch.variables, interpolate=hook.interpolate))
    own: dict[str, str] = {}
    if hook.headers_template is not None:
        own = render_headers(hook.headers_template, dispatch.variables, interpolate=hook.interpolate)
    fixed = {
        "Content-Type": "application/json",
        "X-Apify-Webhook": "yo",
        "X-Apify-Webhook-Dispatch-Id": dispatch.id,
        "X-Apify-Request-Origin": "WEBHOOK",
    }
    return body, {name: value for name, value in own.items() if name.lower() not in _FIXED} | fixed


def _logged(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        _log.exception("a webhook call of the sandbox failed")
