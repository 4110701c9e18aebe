"""gunicorn's gevent worker, with a time for everything that a caller does, and answers in our own form.

Whatever gunicorn cannot read as a request gets its answer here, and nothing under `/api` may be HTML.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import orjson
from gunicorn.http import errors, wsgi
from gunicorn.workers.ggevent import GeventWorker

from harvester import memory
from harvester.settings import load
from harvester.web_connections import Connection, Times, Waiting, most_waiting
from harvester.web_headers import secure_headers

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
    """A gevent worker that waits for nobody for long, and whose own failures are JSON."""

    def init_process(self) -> None:
        """Prepare this process, and serve until it is told to end."""
        wsgi.SERVER = "harvester"  # what the Server header says: not what serves, nor which version
        settings = load()
        self._headers = secure_headers(settings.public_url)
        self._times = Times(
            idle=settings.web_idle_seconds,
            head=settings.web_head_seconds,
            body=settings.web_body_seconds,
            answer=settings.web_answer_seconds,
        )
        self._waiting = Waiting(most_waiting(self.worker_connections))
        super().init_process()

    def load_wsgi(self) -> None:
        """Load the application."""
        super().load_wsgi()
        memory.settled()

    def timeout_ctx(self) -> AbstractContextManager[None]:
        """Set no time here: the connection has its own."""
        return nullcontext()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """Serve one connection to its end."""
        self._waiting.make_room()
        super().handle(listener, Connection(client, self._waiting, self._times), addr)

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Take no more requests, and end what waits for one: a proxy may keep connections for minutes."""
        super().handle_exit(sig, frame)
        self._waiting.end_idle()

    def handle_request(self, listener_name: Any, req: Any, sock: Connection, addr: Any) -> None:
        """Serve one request, throw away what is left of it, and wait for the next one."""
        sock.has_request()
        super().handle_request(listener_name, req, sock, addr)
        sock.awaits_request()
        if not _ended(req.body):
            raise StopIteration  # and no second answer: where the next request begins is not known

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what could not be read, or not be handled, and close the connection."""
        fitting = (answer for kind, answer in _ANSWERS if isinstance(exc, kind))
        status, reason, sentence = next(fitting, _BROKEN)
        if status == 500:
            self.log.error("A request failed", exc_info=exc)
        else:
            self.log.warning("A request could not be read: %s", type(exc).__name__)
        try:
            client.sendall(_answer(status, reason, sentence, self._headers))
        except OSError:
            self.log.debug("The answer to it could not be sent")


def _ended(body: Any) -> bool:
    """Read a body of which the answer needed no more, and say whether it came to its end as it should."""
    try:
        while body.read(8_192):
            continue
    except (OSError, errors.ParseException):
        return False
    return True


def _answer(status: int, reason: str, sentence: str, headers: dict[str, str]) -> bytes:
    code = reason.lower().replace(" ", "_")
    body = orjson.dumps({"ok": False, "error": sentence, "code": code})
    told = {
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        **headers,
    }
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode("ascii") + body
