"""A gate that hears everything and stops nobody, and a server that gives any answer for Airtable's."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harvester.airtable import Airtable
from harvester.airtable_schema import Field, Table

TOKEN = "patNobodyMayEver0.0123456789abcdefReadThisOne"
BASE = "appAAAAAAAAAAAAAA"
KEY = "fldKKKKKKKKKKKKKK"
TABLE = Table(
    "tblTTTTTTTTTTTTTT",
    "Posts",
    {
        "Post Key": Field(KEY, "Post Key", "singleLineText"),
        "Post Text": Field("fldXXXXXXXXXXXXXX", "Post Text", "multilineText"),
    },
)


def rec(number: int) -> str:
    return f"rec{number:014}"


@dataclass
class Heard:
    """A gate that writes down what it is told."""

    told: list[str] = field(default_factory=list)

    def turn(self, base: str, *, meta: bool = False) -> None:
        self.told.append(f"turn {base}{' meta' if meta else ''}")

    def worked(self, base: str, *, meta: bool = False) -> None:
        self.told.append(f"worked {base}{' meta' if meta else ''}")

    def failed(self, base: str, told: str) -> None:
        self.told.append(f"failed {base}: {told}")

    def too_fast(self, base: str) -> None:
        self.told.append(f"too fast {base}")

    def capped(self, base: str, told: str) -> None:
        self.told.append(f"capped {base}: {told}")


@dataclass(frozen=True)
class Asked:
    """One request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


#: Gives status, headers and body; None: the connection is reset. Pieces of a body are sent one by one.
Answer = tuple[int, dict[str, str], bytes | Iterator[bytes]] | None
Answers = Callable[[Asked], Answer]


def fixed(body: Any, status: int = 200, **headers: str) -> Answers:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _: (status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 10
    answers: Answers
    came: list[Asked]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = Asked(self.command, self.path, dict(self.headers), body)
        self.came.append(asked)
        answer = type(self).answers(asked)
        if answer is None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            return
        with suppress(OSError):
            self._send(*answer)

    do_POST = do_PATCH = do_GET  # noqa: N815

    def _send(self, status: int, headers: dict[str, str], body: bytes | Iterator[bytes]) -> None:
        self.send_response(status)
        if isinstance(body, bytes):
            headers = {"Content-Length": str(len(body)), **headers}
            body = iter([body])
        else:
            self.close_connection = True
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for piece in body:
            self.wfile.write(piece)

    def finish(self) -> None:
        with suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def serving(answers: Answers) -> Iterator[tuple[str, list[Asked]]]:
    """Serve whatever `answers` gives; lend the base URL, and the requests as they come."""
    came: list[Asked] = []
    handler = type("Serving", (Handler,), {"answers": staticmethod(answers), "came": came})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def asking(
    answers: Answers, *, timeout: tuple[float, float] = (2.0, 2.0)
) -> Iterator[tuple[Airtable, Heard, list[Asked]]]:
    """Lend a gateway to such a server, its gate, and the requests that came."""
    with serving(answers) as (url, came):
        heard = Heard()
        gateway = Airtable(token=TOKEN, api_url=url, gate=heard, timeout=timeout)
        try:
            yield gateway, heard, came
        finally:
            gateway.close()
