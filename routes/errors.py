"""Failures as answers: one sentence, a stable code, never a stack trace; JSON everywhere but on pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from harvester import log
from harvester.errors import HarvesterError, InvalidInput, LedgerUnavailable
from harvester.web_headers import secure_headers
from routes.auth import Forbidden, TokenRequired
from services.dead_letters import NothingToReplay, NotParked
from services.deliveries import Unauthorised
from services.eligibility import TOO_MANY_KICKOFFS, TooManyKickoffs
from services.kickoff import ClientsNotRead, KeyReused, UnknownClient
from services.replay import NotReplayable, UnknownDelivery
from services.run_ends import NothingToRetry, RunIsOver, UnknownRun

_log = log.get_logger(__name__)

#: Seconds after which a caller may try again when the ledger or Airtable was not available.
RETRY_AFTER = "5"
#: Status and code of what a service refuses.
_OURS: dict[type[HarvesterError], tuple[int, str]] = {
    Forbidden: (403, "forbidden"),
    UnknownClient: (404, "client_not_found"),
    KeyReused: (409, "idempotency_key_reused"),
    UnknownDelivery: (404, "delivery_not_found"),
    NotReplayable: (409, "not_replayable"),
    NotParked: (404, "dead_letter_not_found"),
    NothingToReplay: (409, "nothing_to_replay"),
    UnknownRun: (404, "run_not_found"),
    RunIsOver: (409, "run_is_over"),
    NothingToRetry: (409, "nothing_to_retry"),
}
_CODES = {413: "body_too_large", 404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a failure is answered with: HTTP status, stable code, one sentence, and headers."""

    status: int
    code: str
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)


def failure(status: int, code: str, sentence: str) -> Response:
    """Shape a failure."""
    answer = jsonify({"ok": False, "error": sentence, "code": code})
    answer.status_code = status
    return answer


def register(app: Flask) -> None:
    """Answer every error of a view, or of no view, in this form."""
    app.register_error_handler(Exception, as_json)
    secure = secure_headers(app.extensions["harvester"].services.settings.public_url)

    @app.after_request
    def _secured(answer: Response) -> Response:
        for name, value in secure.items():
            answer.headers.setdefault(name, value)
        return answer


def as_json(error: Exception) -> Response:
    """Answer an error as the API does."""
    found = problem(error)
    answer = failure(found.status, found.code, found.sentence)
    answer.headers.update(found.headers)
    return answer


def problem(error: Exception) -> Problem:
    """Say how an error is answered. What nobody has foreseen is logged, and no word of it is told."""
    if isinstance(error, InvalidInput):
        return Problem(400, error.code, str(error))
    if isinstance(error, (TokenRequired, Unauthorised)):
        return Problem(401, "unauthorized", str(error), {"WWW-Authenticate": "Bearer"})
    if isinstance(error, LedgerUnavailable):
        _log.error("Answered 503: %s", error)
        told = "the ledger is not available; nothing was done, try again"
        return Problem(503, "ledger_unavailable", told, {"Retry-After": RETRY_AFTER})
    if isinstance(error, ClientsNotRead):
        return Problem(503, "airtable_unavailable", str(error), {"Retry-After": RETRY_AFTER})
    if isinstance(error, TooManyKickoffs):
        return Problem(429, TOO_MANY_KICKOFFS, str(error), {"Retry-After": str(error.seconds)})
    if isinstance(error, HTTPException):
        return _http(error)
    for kind, (status, code) in _OURS.items():
        if isinstance(error, kind):
            return Problem(status, code, str(error))
    _log.error("A request failed", exc_info=error)
    return Problem(500, "internal_error", "something went wrong here; the log has the details")


def _http(error: HTTPException) -> Problem:
    status = error.code or 500
    sentence = (error.description or error.name).rstrip(".")
    allowed = {"Allow": error.get_response().headers.get("Allow", "")} if status == 405 else {}
    code = _CODES.get(status, error.name.lower().replace(" ", "_"))
    return Problem(status, code, sentence, {name: value for name, value in allowed.items() if value})
