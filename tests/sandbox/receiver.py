"""A webhook receiver on loopback that keeps what it got and answers what it is told to."""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def payload(self) -> Any:
        return json.loads(self.body)

    @property
    def dispatch_id(self) -> str:
        return self.headers["x-apify-webhook-dispatch-id"]


class Receiver:
    """Answers with `statuses` in turn, then with 200; a number below 100: wait so many seconds first."""

    def __init__(self) -> None:
        self.got: list[Received] = []
        self.statuses: list[int] = []
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook?x=1"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.take({key.lower(): value for key, value in self.headers.items()}, body)
                # The caller may have hung up by now.
                with contextlib.suppress(ConnectionError):
                    self._say(status)

            def _say(self, status: int) -> None:
                self.send_response(status)
                if status in (301, 302, 307, 308):
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._changed:
            status = self.statuses.pop(0) if self.statuses else 200
            self.got.append(Received(headers, body, time.monotonic()))
            self._changed.notify_all()
        if status < 100:
            time.sleep(status)
            return 200
        return status

    def wait(self, enough: Callable[[list[Received]], bool], seconds: float = 10.0) -> list[Received]:
        """What was received, as soon as it is enough."""
        with self._changed:
            assert self._changed.wait_for(lambda: enough(self.got), seconds), f"got only {len(self.got)}"
            return list(self.got)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
