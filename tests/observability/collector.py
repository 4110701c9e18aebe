"""An OpenTelemetry collector on loopback: it takes OTLP over HTTP, and shows what it was sent."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One span, as a collector sees it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    began: int
    ended: int
    attributes: dict[str, str]
    wrong: str


class Collector:
    """What came, in the order in which it came."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.spans: list[Received] = []
        self.bodies: list[bytes] = []
        self.paths: set[str] = set()

    def take(self, path: str, body: bytes) -> None:
        """Decode a request."""
        self.paths.add(path)
        self.bodies.append(body)
        request = ExportTraceServiceRequest()
        request.ParseFromString(body)
        for of_resource in request.resource_spans:
            for scope in of_resource.scope_spans:
                self.spans += [
                    Received(
                        one.name,
                        one.trace_id.hex(),
                        one.span_id.hex(),
                        one.parent_span_id.hex(),
                        one.start_time_unix_nano,
                        one.end_time_unix_nano,
                        {item.key: _plain(item.value) for item in one.attributes},
                        one.status.message,
                    )
                    for one in scope.spans
                ]

    def named(self, name: str) -> list[Received]:
        """Give the spans of a name."""
        return [one for one in self.spans if one.name == name]


def _plain(value: object) -> str:
    kind = value.WhichOneof("value")  # type: ignore[attr-defined]
    return str(getattr(value, kind))


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.take(
                self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body
            )
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="collector")
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
