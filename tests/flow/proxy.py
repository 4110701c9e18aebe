"""A forwarder in front of the local Apify that spoils answers after they took effect."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "transfer-encoding", "content-length", "host"})


@dataclass(frozen=True)
class Reply:
    """An answer on its way back."""

    status: int
    headers: dict[str, str]
    body: bytes


#: Takes the method, the path with its query, and the true answer; gives the one to pass on.
Spoil = Callable[[str, str, Reply], Reply]


class Proxy:
    """Forwards to `target`. Assign `spoil` to change what comes back; it may also take its time."""

    def __init__(self, target: str) -> None:
        self.spoil: Spoil = lambda _method, _path, reply: reply
        self._address = urlsplit(target).netloc
        self.reopen(0)

    def reopen(self, port: int) -> None:
        """Listen on a port, 0 for any that is free."""
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="proxy")
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop listening: connections are refused."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def forwarded(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            true = Reply(answer.status, kept, answer.read())
        finally:
            connection.close()
        return self.spoil(method, path, true)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
                try:
                    reply = proxy.forwarded(self.command, self.path, sent, body)
                except (OSError, http.client.HTTPException):
                    self.close_connection = True  # what was cut behind us is cut before us
                    return
                with suppress(BrokenPipeError, ConnectionResetError):  # who asked may have gone
                    self._answer(reply)

            def _answer(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(reply.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                return

        return Handler
