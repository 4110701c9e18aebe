"""Bytes to a real gunicorn, as they are, and what comes back of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.processes import HARVESTER, Process, environment, free_port, processes_in, until_ready
from flow.stage import Answer
from pages.operator import page_settings

STATIC_TOKEN = "a-static-token-made-by-hand"


@dataclass(frozen=True)
class Server:
    """A web process that runs, and its port on loopback."""

    process: Process
    port: int

    def connected(self, *, receives: int | None = None) -> socket.socket:
        """Connect; `receives`: bytes that the caller's side takes before it must read."""
        made = socket.socket()
        if receives is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        made.settimeout(40)
        made.connect(("127.0.0.1", self.port))
        return made

    def said(self, sent: bytes) -> bytes:
        """Send bytes, then no more, and give all that comes back until the connection is closed."""
        with self.connected() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            return heard(connection)


@contextmanager
def serving(folder: Path, database_url: str, **settings: object) -> Iterator[Server]:
    """Run a web process with one worker."""
    port = free_port()
    with processes_in(folder) as processes:
        page = {name.upper(): value for name, value in page_settings().items()}
        environ = environment(
            DATABASE_URL=database_url, APIFY_WEBHOOK_TOKEN=STATIC_TOKEN, **(page | settings)
        )
        process = processes.start(*HARVESTER, "serve", "--port", str(port), environ=environ)
        until_ready(f"http://127.0.0.1:{port}", lambda: process.output)
        yield Server(process, port)


def heard(connection: socket.socket) -> bytes:
    """Give all that comes until the connection is closed, by a reset too."""
    got = b""
    try:
        while part := connection.recv(65_536):
            got += part
    except ConnectionResetError:
        pass
    return got


def answers(got: bytes) -> list[Answer]:
    """Split what came into its answers; all of ours that are asked for here tell their length."""
    found = []
    while got:
        head, _, got = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if first.startswith("HTTP/1.1 100"):
            continue
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", 0))
        found.append(Answer(int(first.split()[1]), headers, got[:length]))
        got = got[length:]
    return found


#: What every answer has, whoever makes it, and what of it must be in each.
ALWAYS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "content-security-policy": "frame-ancestors 'none'",
    "referrer-policy": "",
    "cache-control": "",
}


def missing(headers: Mapping[str, str]) -> set[str]:
    """Name what an answer's headers lack; they are looked up in lower case."""
    policy = headers.get("content-security-policy", "")
    lacking = {name for name, part in ALWAYS.items() if part not in headers.get(name, "\0")}
    return lacking | (set() if policy.startswith("default-src 'none'") else {"default-src"})
