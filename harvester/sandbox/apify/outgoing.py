"""One HTTP call of a webhook, bounded in time and size, which can be cut from outside."""

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from urllib.parse import urlsplit

#: How much of a receiver's answer is kept, in bytes.
_KEPT = 2048


class OutgoingCall:
    """A POST that another thread may cut. Redirects are not followed."""

    def __init__(self, url: str, *, timeout: float, ignore_ssl_errors: bool) -> None:
        parts = urlsplit(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            if ignore_ssl_errors:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, parts.port, timeout=timeout, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
        self._lock = threading.Lock()
        self._cut = False
        self._socket: socket.socket | None = None

    def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
        """Status and beginning of the answer. Raises `OSError`, `HTTPException` or `ValueError`."""
        try:
            self._connection.connect()
            with self._lock:
                # The connection itself forgets its socket as soon as an answer has begun.
                self._socket = self._connection.sock
                if self._cut:
                    raise TimeoutError("timed out")
            self._connection.request("POST", self._target, body, dict(headers))
            response = self._connection.getresponse()
            return response.status, response.read(_KEPT).decode("utf-8", "replace")
        finally:
            with self._lock:
                self._connection.close()

    def cut(self) -> None:
        """End the call now, from any thread; harmless when it is over."""
        with self._lock:
            self._cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
