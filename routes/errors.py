"""Failures as answers: always JSON, one sentence, a stable code. Never HTML, never a stack trace."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from harvester import log
from harvester.errors import HarvesterError, InvalidInput, LedgerUnavailable
from routes.auth import TokenRequired
from services.dead_letters import NothingToReplay, NotParked
from services.deliveries import Unauthorised
from services.kickoff import ClientsNotRead, KeyReused, UnknownClient
from services.replay import NotReplayable, UnknownDelivery
from services.run_ends import NothingToRetry, RunIsOver, UnknownRun

_log = log.get_logger(__name__)

#: Seconds after which a caller may try again when the ledger or Airtable was not available.
RETRY_AFTER = "5"
#: Status and code of what a service refuses.
_OURS: dict[type[HarvesterError], tuple[int, str]] = {
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


def failure(status: int, code: str, sentence: str) -> Response:
    """Shape a failure."""
    answer = jsonify({"ok": False, "error": sentence, "code": code})
    answer.status_code = status
    return answer


def register(app: Flask) -> None:
    """Answer every error of a view, or of no view, in this form."""
    app.register_error_handler(InvalidInput, lambda error: failure(400, error.code, str(error)))
    for kind, (status, code) in _OURS.items():
        app.register_error_handler(kind, partial(_ours, status, code))
    app.register_error_handler(TokenRequired, _unauthorised)
    app.register_error_handler(Unauthorised, _unauthorised)
    app.register_error_handler(LedgerUnavailable, _unavailable)
    app.register_error_handler(ClientsNotRead, _clients_not_read)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unforeseen)
    app.after_request(_headers)


def _ours(status: int, code: str, error: HarvesterError) -> Response:
    return failure(status, code, str(error))


def _unauthorised(error: Exception) -> Response:
    answer = failure(401, "unauthorized", str(error))
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _unavailable(error: LedgerUnavailable) -> Response:
    _log.error("Answered 503: %s", error)
    answer = failure(503, "ledger_unavailable", "the ledger is not available; nothing was done, try again")
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def _clients_not_read(error: ClientsNotRead) -> Response:
    answer = failure(503, "airtable_unavailable", str(error))
    answer.headers["Retry-After"] = RETRY_AFTER
    return answer


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    sentence = (error.description or error.name).rstrip(".")
    answer = failure(status, _CODES.get(status, error.name.lower().replace(" ", "_")), sentence)
    if status == 405 and "Allow" in error.get_response().headers:
        answer.headers["Allow"] = error.get_response().headers["Allow"]
    return answer


def _unforeseen(error: Exception) -> Response:
    _log.exception("A request failed")
    return failure(500, "internal_error", "something went wrong here; the log has the details")


def _headers(answer: Response) -> Response:
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Cache-Control", "no-store")
    return answer
