"""From a raw request to an answer: faults, token, route, handler, errors."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlsplit

from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, RequestRedirect, Rule

from harvester.sandbox.apify.faults import Fault
from harvester.sandbox.apify.platform import Platform
from harvester.sandbox.apify.wire import Answer, ApiError, Call, Query, check_size, decode_body, failure
from harvester.sandbox.server import Raw

_log = logging.getLogger(__name__)

#: Takes the platform, the call, and what the path names.
Handler = Callable[..., Answer]
#: Methods, path pattern, handler.
Route = tuple[str, str, Handler]
#: What Apify allows per minute; it tells in every answer.
_RATE_LIMIT = "250000"


class Router:
    """The sandbox as one function of a request."""

    def __init__(self, platform: Platform, routes: list[Route]) -> None:
        self._platform = platform
        rules = [Rule(path, endpoint=handler, methods=methods.split()) for methods, path, handler in routes]
        self._map = Map(rules, strict_slashes=False, merge_slashes=False, redirect_defaults=False)

    def __call__(self, raw: Raw) -> Answer:
        """Answer a request; never raises."""
        parts = urlsplit(raw.target)
        query = Query(parts.query)
        method = _method(raw.method, query)
        # `acts` is the old name of the same endpoints.
        path = re.sub(r"^/v2/acts(?=/|$)", "/v2/actors", unquote(parts.path))
        call = Call(method, path, query, raw.headers, raw.body, raw.client_ip, self._platform.base_url)
        if path.startswith("/sandbox/"):
            return self._run(raw, call, *self._match(method, path))
        return self._with_faults(raw, call)

    def _with_faults(self, raw: Raw, call: Call) -> Answer:
        faults, about = self._platform.faults, {"method": call.method, "path": call.path}
        handler, named, route = self._match(call.method, call.path)
        self._platform.oracle.called(route)
        for fault in faults.take("slow", **about):
            self._platform.closing.wait(fault.seconds)
        if faults.take("reset", **about):
            answer = Answer(cut="reset")
        else:
            before = faults.take("rate-limit", "server-error", "refused", **about)
            answer = failure(_as_error(before[0])) if before else self._run(raw, call, handler, named, route)
        answer = self._spoilt(call, answer)
        self._platform.oracle.answered(route, 0 if answer.cut else answer.status)
        answer.headers.setdefault("X-RateLimit-Limit", _RATE_LIMIT)
        return answer

    def _spoilt(self, call: Call, answer: Answer) -> Answer:
        faults, about = self._platform.faults, {"method": call.method, "path": call.path}
        if answer.cut:
            return answer
        if faults.take("answer-lost", **about):
            if answer.started_run:
                self._platform.oracle.answer_lost(answer.started_run)
            return Answer(cut="silent")
        if isinstance(answer.body, bytes) and faults.take("truncated", **about):
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        return answer

    def _match(self, method: str, path: str) -> tuple[Handler, dict[str, Any], str]:
        try:
            rule, named = self._map.bind("sandbox").match(path, method, return_rule=True)
        except MethodNotAllowed as error:
            allowed = ",".join(sorted(error.valid_methods or ()))
            message = f"This API end-point can only be accessed using the following HTTP methods: {allowed}"
            return _refuse(ApiError(405, "method-not-allowed", message)), {}, f"{method} {path}"
        except (NotFound, RequestRedirect):
            error_404 = ApiError(
                404, "page-not-found", f"We have bad news: there is no API endpoint at {path}"
            )
            return _refuse(error_404), {}, f"{method} {path}"
        return rule.endpoint, dict(named), f"{method} {rule.rule}"

    def _run(self, raw: Raw, call: Call, handler: Handler, named: dict[str, Any], _route: str) -> Answer:
        try:
            if not call.path.startswith("/sandbox/"):
                self._authenticate(call)
            check_size(raw.length)
            body = decode_body(raw.body, raw.headers.get("content-encoding", ""))
            return handler(self._platform, replace(call, body=body), **named)
        except ApiError as error:
            return failure(error)
        except Exception:
            _log.exception("the sandbox failed to answer %s %s", call.method, call.path)
            return failure(ApiError(500, "internal-server-error", "Internal server error."))

    def _authenticate(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme and scheme.lower() != "bearer":
            raise ApiError(401, "invalid-token", "Authentication token is not valid.")
        token = token.strip() or call.query.text("token")
        if not token:
            raise ApiError(401, "token-not-provided", "Authentication token was not provided.")
        if token != self._platform.options.token:
            message = "User was not found or authentication token is not valid."
            raise ApiError(401, "user-or-token-not-found", message)


def _method(sent: str, query: Query) -> str:
    """Apify lets `?method=` stand for the HTTP method."""
    override = query.text("method").upper()
    return override if override in ("GET", "POST", "PUT", "DELETE") else sent


def _refuse(error: ApiError) -> Handler:
    return lambda _platform, _call: failure(error)


def _as_error(fault: Fault) -> ApiError:
    if fault.kind == "rate-limit":
        message = "You have exceeded the rate limit of 60 requests per second"
        return ApiError(429, "rate-limit-exceeded", message)
    if fault.kind == "server-error":
        return ApiError(fault.status or 500, "internal-server-error", "Internal server error.")
    return ApiError(fault.status or 403, fault.type, fault.message)
