"""Requests that mean harm: those of every route, spoilt in the ways that people and fuzzers know."""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

from flask import Flask

from . import corpus

#: Seconds after which a request counts as hanging.
PATIENCE: Final = 15.0
#: What each parameter of a path is where nothing is spoilt.
_PATH: Final = {"full_id": "261122-050000-Hostile-0", "client_id": "Hostile-0", "run_id": "261122-050000"}
_QUERY: Final = (
    "limit",
    "cursor",
    "clientId",
    "client",
    "clientRunId",
    "runId",
    "status",
    "q",
    "from",
    "stream",
)
_BODY: Final[dict[str, Any]] = {
    "clientId": "Hostile-0",
    "runId": "261122-050000",
    "maxBatchesOverride": 3,
    "source": "orchestrator",
    "targetUrls": ["https://www.linkedin.com/in/ann"],
    "maxPosts": 2,
    "eventType": "ACTOR.RUN.SUCCEEDED",
    "eventData": {"actorRunId": "AbCdEfGhIjKlMnOpQ", "actorId": "fW4MyDhgwtMLrB987"},
    "reason": "why not",
}
_ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    1e308,
    10**18,
    10**30,
    [],
    {},
    [[]],
    {"$gt": ""},
    "",
    " ",
    "0x1",
)
_TYPES: Final = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain; charset=utf-7",
    "application/xml",
    "a" * 300,
)
_METHODS: Final = ("GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "get", "FOO")
_HEADERS: Final = (
    "x-client-id",
    "Idempotency-Key",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-HTTP-Method-Override",
    "X-Original-URL",
    "X-Apify-Webhook-Dispatch-Id",
    "Cookie",
    "Referer",
    "Range",
    "If-None-Match",
    "traceparent",
    "Accept",
)

Headers = list[tuple[str, str]]


class Spoiler:
    """Makes requests up, the same ones from the same seed."""

    def __init__(self, app: Flask, seed: int) -> None:
        self._chance = random.Random(seed)
        self._rules = [
            (method, rule.rule)
            for rule in app.url_map.iter_rules()
            for method in sorted((rule.methods or set()) & {"GET", "POST"})
        ]

    def requests(self, count: int, tokens: tuple[str | None, ...]) -> Iterator[bytes]:
        """Give so many requests, each with one of these tokens or none, over all routes in turn."""
        for number in range(count):
            method, rule = self._rules[number % len(self._rules)]
            yield self._request(method, rule, self._chance.choice(tokens))

    def _request(self, method: str, rule: str, token: str | None) -> bytes:
        method = self._chance.choice(_METHODS) if self._one_in(12) else method
        headers: Headers = [("Host", "127.0.0.1"), ("Connection", "close")]
        if token is not None:
            headers.append(("Authorization", f"Bearer {token}"))
        if self._one_in(3):
            headers.append((self._chance.choice(_HEADERS), self._header_text()))
        body = b"" if method in ("GET", "HEAD") and not self._one_in(9) else self._body()
        if body:
            headers.append(("Content-Type", self._chance.choice(_TYPES) if self._one_in(4) else _TYPES[0]))
            headers.append(("Content-Length", str(len(body))))
        if self._one_in(40):
            headers.append(("Content-Encoding", "gzip"))
        lines = [f"{method} {self._target(rule)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body

    def _one_in(self, number: int) -> bool:
        return self._chance.randrange(number) == 0

    def _text(self) -> str:
        return self._chance.choice(corpus.IDS if self._one_in(2) else corpus.TEXTS)[:1_500]

    def _header_text(self) -> str:
        return re.sub("[\r\n\0]", " ", self._text())[:500]

    def _quoted(self, text: str) -> str:
        return quote(text.encode("utf-8", "surrogatepass"), safe="%./" if self._one_in(3) else "")

    def _target(self, rule: str) -> str:
        def filled(found: re.Match[str]) -> str:
            whole = _PATH.get(found[1], "1")
            return self._quoted(self._text()) if self._one_in(2) else whole

        path = re.sub(r"<(?:[^:>]+:)?([^>]+)>", filled, rule)
        if self._one_in(15):
            path += self._chance.choice(
                ("/", "//", "/..", ";x=1", "%00", "%0a", "/%2e%2e/", "?", "#", "\u00e9")
            )
        names = [self._chance.choice(_QUERY) for _ in range(self._chance.randrange(4))]
        query = "&".join(f"{name}={self._quoted(self._text())}" for name in names)
        return f"{path}?{query}" if query else path

    def _body(self) -> bytes:
        chosen = self._chance.choice((self._spoilt, self._spoilt, self._torn, self._noise, self._form))
        return chosen()

    def _spoilt(self) -> bytes:
        body = dict(_BODY)
        for name in self._chance.sample(sorted(body), self._chance.randrange(1, 4)):
            body[name] = self._text() if self._one_in(2) else self._chance.choice(_ODD)
        return json.dumps(body).encode()

    def _torn(self) -> bytes:
        whole = bytearray(self._spoilt())
        for _ in range(self._chance.randrange(1, 5)):
            whole[self._chance.randrange(len(whole))] = self._chance.randrange(256)
        return bytes(whole[: self._chance.randrange(1, len(whole) + 1)])

    def _noise(self) -> bytes:
        deep = b"[" * self._chance.randrange(1, 20_000)
        return self._chance.choice(
            (self._chance.randbytes(200), deep, b"\x1f\x8b" + self._chance.randbytes(50))
        )

    def _form(self) -> bytes:
        names = ("name", "password", "csrf_token", "next", "client_id", "reason", "file")
        return "&".join(f"{name}={self._quoted(self._text())}" for name in names).encode()


def answer_of(port: int, request: bytes) -> tuple[int | None, bytes]:
    """Send one request. Gives the status, None where the connection is closed without one, and the answer.

    Raises `TimeoutError` if nothing comes for so long that it hangs.
    """
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        told = bytearray()
        try:
            connection.sendall(request)
            while part := connection.recv(65_536):
                told += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # it was refused before its end was sent
    found = re.match(rb"HTTP/1\.[01] (\d{3}) ", told)
    return (int(found[1]) if found else None), bytes(told)


Ask = Callable[[bytes], tuple[int | None, bytes]]
