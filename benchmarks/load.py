"""Requests sent as fast as they are answered, on kept connections: `load.py PORT CONNECTIONS FILE`.

A process of its own, without an HTTP client: the requests are made beforehand, each with its length before
it, and of an answer no more is read than its status and where it ends. Prints what came of it as JSON.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson

_LENGTH_BYTES: Final = 4
_PATIENCE_SECONDS: Final = 60.0


def packed(requests: list[bytes]) -> bytes:
    """Give the content of a file of requests."""
    return b"".join(len(one).to_bytes(_LENGTH_BYTES) + one for one in requests)


def _unpacked(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        begin = at + _LENGTH_BYTES
        at = begin + int.from_bytes(content[at:begin])
        yield content[begin:at]


class _Caller:
    """One connection, and the request that is under way on it."""

    __slots__ = ("began", "got", "socket")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""
        self.began = 0.0

    def send(self, request: bytes) -> None:
        self.got = b""
        self.began = time.perf_counter()
        self.socket.sendall(request)

    def answered(self) -> bytes | None:
        """Read what is there. Gives the status once the answer is whole."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("the server has hung up")
        self.got += data
        head, end, body = self.got.partition(b"\r\n\r\n")
        whole = end and len(body) >= int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head[9:12] if whole else None


def run(port: int, connections: int, requests: list[bytes]) -> dict[str, Any]:
    """Send all of them. Gives the seconds it took, each answer's, and how many had which status.

    The first request of each connection is not timed: it waits until the server has taken the connection.
    """
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            caller = _Caller(port)
            selector.register(caller.socket, selectors.EVENT_READ, caller)
        statuses = Counter[str]()
        _send(selector, requests[:connections], statuses)
        began, processor = time.perf_counter(), time.process_time()
        took = _send(selector, requests[connections:], statuses)
        told = {"seconds": time.perf_counter() - began, "processor": time.process_time() - processor}
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return {**told, "took": took, "statuses": statuses}


def _send(selector: selectors.BaseSelector, requests: list[bytes], statuses: Counter[str]) -> list[float]:
    """Send requests, each as soon as a connection is free. Gives the seconds that each took."""
    waiting, took = iter(requests), list[float]()
    for key, request in zip(list(selector.get_map().values()), waiting, strict=False):
        key.data.send(request)
    while len(took) < len(requests):
        ready = selector.select(_PATIENCE_SECONDS)
        if not ready:
            raise TimeoutError(f"no answer within {_PATIENCE_SECONDS:.0f} s")
        for caller in (key.data for key, _ in ready):
            status = caller.answered()
            if status is None:
                continue
            took.append(time.perf_counter() - caller.began)
            statuses[status.decode()] += 1
            if following := next(waiting, None):
                caller.send(following)
    return took


if __name__ == "__main__":
    _port, _connections, _file = sys.argv[1:]
    sys.stdout.buffer.write(
        orjson.dumps(run(int(_port), int(_connections), list(_unpacked(Path(_file).read_bytes()))))
    )
