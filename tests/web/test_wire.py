"""What only real sockets and a real gunicorn show: bodies cut off, odd requests, a locked ledger."""

from __future__ import annotations

import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import orjson
import pytest
from cli.processes import API_TOKEN, HARVESTER, environment, free_port, processes_in, until_ready
from factories import make_client, make_leads, opened
from simultaneous import at_once

from harvester.ledger import client_runs

pytestmark = pytest.mark.slow

KICKOFF = f"POST /api/apify/process-client HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {API_TOKEN}\r\n"


@pytest.fixture
def port(sqlite_url: str, tmp_path: Path) -> Iterator[int]:
    """The port of a web process on a fresh ledger with one client that is due."""
    with opened(sqlite_url) as ledger:
        make_client(ledger)
        make_leads(ledger, count=3)
    number = free_port()
    with processes_in(tmp_path) as processes:
        processes.start(
            *HARVESTER, "serve", "--port", str(number), environ=environment(DATABASE_URL=sqlite_url)
        )
        until_ready(f"http://127.0.0.1:{number}")
        yield number


def said(port: int, sent: str, *, shut: bool = False) -> tuple[int, dict[str, object]]:
    """Send bytes as they are. Gives the status and the JSON that came back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent.encode())
        if shut:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while part := connection.recv(65_536):
            got += part
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]), orjson.loads(body)


CUT_OFF = [
    ("x-client-id: Guy-Wilson\r\nContent-Length: 60\r\n\r\n", 400, "invalid_body"),
    ('Content-Length: 500\r\n\r\n{"clientId":"Guy-Wilson"}', 400, "invalid_body"),
    ("x-client-id: Guy-Wilson\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "invalid_body"),
    ("Content-Length: -1\r\n\r\n", 400, "bad_request"),
    (f"x-long: {'x' * 9_000}\r\n\r\n", 431, "request_header_fields_too_large"),
]


def test_what_is_cut_off_or_no_request_starts_nothing_and_is_told_in_json(port: int, sqlite_url: str) -> None:
    for rest, status, code in CUT_OFF:
        got, body = said(port, f"{KICKOFF}Connection: close\r\n{rest}", shut=True)
        assert (got, body["ok"], body["code"]) == (status, False, code), rest[:60]
    with opened(sqlite_url) as ledger, ledger.read() as tx:
        assert client_runs.live_of(tx, "Guy-Wilson") is None


def test_a_locked_ledger_holds_nobody_up_for_long(port: int, sqlite_url: str) -> None:
    file = sqlite_url.removeprefix("sqlite:///")
    kickoff = f"{KICKOFF}Connection: close\r\nx-client-id: Guy-Wilson\r\nContent-Length: 0\r\n\r\n"
    alive = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timed = at_once([partial(_timed, port, one) for one in [kickoff] * 12 + [alive] * 4])
    assert [status for status, _ in timed] == [503] * 12 + [200] * 4
    assert max(seconds for _, seconds in timed[:12]) < 9, "their waits added up"
    assert max(seconds for _, seconds in timed[12:]) < 3, "the process stood still"


def _timed(port: int, sent: str) -> tuple[int, float]:
    began = time.monotonic()
    status, _ = said(port, sent)
    return status, time.monotonic() - began
