"""Callers who stall, drip or do not read: they end by themselves, and meanwhile shut nobody out."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from harvester.web_connections import Times

from .wire import STATIC_TOKEN, Server, answers, serving

pytestmark = pytest.mark.slow

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
HALF_A_HEAD = ALIVE + b"X-Slow: "
HALF_A_BODY = (
    b"POST /api/apify-webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
    + f"Authorization: Bearer {STATIC_TOKEN}\r\n\r\n{{".encode()
)
#: A caller who asks for far more than the sockets between us hold, and reads none of it.
UNREAD = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 60
#: More than a worker has connections (`worker_connections` in harvester/web_server.py).
MANY = 1_300
#: Seconds that nothing here may last; the control that is proved takes far less, its lack takes for ever.
LONG = 20.0


@pytest.fixture
def server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    """A web process with one worker."""
    with serving(tmp_path, sqlite_url) as found:
        yield found


def _stalled(server: Server, stack: ExitStack, sent: bytes, count: int) -> list[socket.socket]:
    made = []
    for _ in range(count):
        made.append(stack.enter_context(closing(server.connected(receives=4_096))))
        made[-1].setblocking(False)
        with suppress(OSError):
            made[-1].send(sent)
    return made


def _probe(server: Server) -> list[int]:
    with server.connected() as connection:
        connection.settimeout(LONG)
        connection.sendall(ALIVE + b"Connection: close\r\n\r\n")
        got = b""
        while part := connection.recv(65_536):
            got += part
    return [answer.status for answer in answers(got)]


def test_stalled_callers_shut_nobody_out(server: Server) -> None:
    """Neither 400 with half a head, 400 with half a body, nor more than there are connections for."""
    with ExitStack() as stack:
        _stalled(server, stack, HALF_A_HEAD, 400)
        _stalled(server, stack, HALF_A_BODY, 400)
        assert [_probe(server) for _ in range(20)] == [[200]] * 20
        _stalled(server, stack, HALF_A_BODY, MANY)
        _stalled(server, stack, UNREAD, 50)
        assert [_probe(server) for _ in range(20)] == [[200]] * 20
    assert "Traceback" not in server.process.output


@pytest.mark.timeout(150)
def test_stalled_callers_are_gone_after_their_time(server: Server) -> None:
    """And those who send a byte now and then with them: the time is for the whole, not for a byte."""
    with ExitStack() as stack:
        silent = _stalled(server, stack, b"", 20)
        dripping = [
            *_stalled(server, stack, HALF_A_HEAD, 20),
            *_stalled(server, stack, HALF_A_BODY, 20),
        ]
        unread = _stalled(server, stack, UNREAD, 20)
        deadline = time.monotonic() + 1.5 * Times().body
        left = {*silent, *dripping}
        while left and time.monotonic() < deadline:
            left = {one for one in left if not _gone(one, drips=one in dripping)}
            time.sleep(0.5)
        assert not left
        time.sleep(5)
        assert not [one for one in unread if not _is_cut(one)]


def _gone(connection: socket.socket, *, drips: bool) -> bool:
    try:
        while connection.recv(65_536):
            continue
    except BlockingIOError:
        with suppress(OSError):
            connection.send(b"x" if drips else b"")
        return False
    except ConnectionError:
        pass
    return True


def _is_cut(connection: socket.socket) -> bool:
    """Read what is there: it ends long before all that was asked for."""
    got = 0
    connection.settimeout(LONG)
    try:
        while part := connection.recv(65_536):
            got += len(part)
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return got < 60 * 50_000
