"""A load balancer on loopback: each connection goes to the next of several addresses that takes it."""

from __future__ import annotations

import itertools
import selectors
import socket
import socketserver
import threading
from collections.abc import Sequence
from contextlib import closing, suppress

_CHUNK = 65_536


class Balancer(socketserver.ThreadingTCPServer):
    """Passes connections on, byte by byte, to the ports given. Use it in a `with` statement."""

    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def __init__(self, ports: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.closing = threading.Event()
        self._ports = itertools.cycle(ports)
        self._count = len(ports)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="balancer")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def connected(self) -> socket.socket | None:
        """Connect to the next address that takes a connection; None if none does."""
        for _ in range(self._count):
            with suppress(OSError):
                return socket.create_connection(("127.0.0.1", next(self._ports)), timeout=1)
        return None

    def server_close(self) -> None:
        """Cut what is open, and wait for it to end."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        super().server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Peers that vanish are what this is for."""


class _Passing(socketserver.BaseRequestHandler):
    server: Balancer

    def handle(self) -> None:
        """Pass bytes both ways until one side is done."""
        behind = self.server.connected()
        if behind is None:
            return
        with closing(behind), selectors.DefaultSelector() as ready:
            ready.register(self.request, selectors.EVENT_READ, behind)
            ready.register(behind, selectors.EVENT_READ, self.request)
            while not self.server.closing.is_set():
                for key, _ in ready.select(0.2):
                    piece = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]
                    if not piece:
                        return
                    key.data.sendall(piece)
