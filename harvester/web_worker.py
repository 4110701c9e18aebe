"""gunicorn's gevent worker, answering in our own form what never reaches the application.

Whatever gunicorn cannot read as a request gets its answer here, and nothing under `/api` may be HTML.
"""

from __future__ import annotations

from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.ggevent import GeventWorker

#: What is answered for which of gunicorn's errors: the first that fits; 400 for all that are not named.
_ANSWERS: tuple[tuple[type[Exception], tuple[int, str, str]], ...] = (
    (errors.LimitRequestLine, (414, "URI Too Long", "the request line is too long")),
    (errors.LimitRequestHeaders, (431, "Request Header Fields Too Large", "the headers are too large")),
    (errors.UnsupportedTransferCoding, (501, "Not Implemented", "this transfer coding is not supported")),
    (errors.ExpectationFailed, (417, "Expectation Failed", "this expectation cannot be met")),
    (errors.ParseException, (400, "Bad Request", "this is no HTTP request")),
    (OSError, (400, "Bad Request", "the request ended early")),
)
_BROKEN = (500, "Internal Server Error", "something went wrong here; the log has the details")


class JsonWorker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """A gevent worker whose own failures are JSON."""

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what could not be read, or not be handled, and close the connection."""
        fitting = (answer for kind, answer in _ANSWERS if isinstance(exc, kind))
        status, reason, sentence = next(fitting, _BROKEN)
        if status == 500:
            self.log.error("A request failed", exc_info=exc)
        else:
            self.log.warning("A request could not be read: %s", type(exc).__name__)
        try:
            util.write_nonblock(client, _answer(status, reason, sentence))
        except OSError:
            self.log.debug("The answer to it could not be sent")


def _answer(status: int, reason: str, sentence: str) -> bytes:
    code = reason.lower().replace(" ", "_")
    body = orjson.dumps({"ok": False, "error": sentence, "code": code})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("ascii") + body
