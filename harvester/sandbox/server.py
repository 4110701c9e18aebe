"""A threaded HTTP server on loopback that can lose answers on purpose and stops without leaving a socket."""

import contextlib
import logging
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Generic, Literal, TypeVar

_log = logging.getLogger(__name__)
_CHUNK = 65536
#: So much of a body is kept, in bytes; at least what any of the services takes.
_KEPT_BYTES = 16 * 1024 * 1024
#: A body longer than this is not even drained; the connection is cut.
_DRAIN_BYTES = 75_497_472


@dataclass(frozen=True)
class Raw:
    """A request as it came over the wire. `length` counts all of the body; `body` may be its beginning."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    length: int
    client_ip: str


@dataclass
class Answer:
    """What goes back. `cut` closes the connection instead: silently, or with a reset."""

    status: int = 200
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: Literal["", "silent", "reset"] = ""


A = TypeVar("A", bound=Answer)


class Server(socketserver.ThreadingTCPServer, Generic[A]):
    """Serves an application from a thread of its own, each connection on another."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, application: Callable[[Raw], A]) -> None:
        self.application = application
        self._open: dict[Any, threading.Thread] = {}
        self._guard = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(0.02,), name="sandbox-http", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def close(self) -> None:
        """Stop, close every connection and wait for the threads to end."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        with self._guard:
            still_open = dict(self._open)
            for connection in still_open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in still_open.values():
            thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection on a thread that `close` knows of."""
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        with self._guard:
            self._open[request] = thread
        thread.start()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._guard:
            self._open.pop(request, None)
        # No orderly end of its own, which would come before a reset that is wanted.
        self.close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Peers that vanish are everyday life; anything else is logged."""
        _log.debug("a connection of the sandbox ended early", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: Server[Any]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Head and body leave in one packet.
    wbufsize = -1
    timeout = 120

    def do_GET(self) -> None:
        """Answer any method alike."""
        read = self._body()
        if read is None:
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = Raw(self.command, self.path, headers, *read, self.client_address[0])
        self._answer(self.server.application(raw))

    do_POST = do_GET  # noqa: N815 - named by http.server, as the following
    do_PUT = do_GET  # noqa: N815
    do_PATCH = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815
    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; the ledger counts."""

    def _body(self) -> tuple[bytes, int] | None:
        kept, length = bytearray(), 0
        for piece in self._pieces():
            length += len(piece)
            if length > _DRAIN_BYTES:
                return None
            if len(kept) <= _KEPT_BYTES:
                kept += piece
        return bytes(kept), length

    def _pieces(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline(1024).split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline(8)
            self.rfile.readline(8)
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, _CHUNK))):
            left -= len(piece)
            yield piece

    def _answer(self, answer: Answer) -> None:
        if answer.cut:
            self._cut(answer.cut == "reset")
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if isinstance(answer.body, bytes):
            self._whole(answer.body)
        else:
            self._streamed(answer.body)

    def _whole(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _streamed(self, pieces: Iterator[bytes]) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")

    def _cut(self, reset: bool) -> None:
        self.close_connection = True
        if reset:
            # Linger for no time at all: the peer gets RST instead of an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
