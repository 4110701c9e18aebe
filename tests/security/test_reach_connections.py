"""A connection has a time for everything that its caller does; here with the seconds of all cut short."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from typing import Any

import gevent
import gevent.socket
import pytest

from harvester import web_connections
from harvester.web_connections import Connection, Times, Waiting

#: Seconds that nothing here may last; with its control it takes a tenth of that.
LONG = 4.0


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut short the time that no setting has."""
    monkeypatch.setattr(web_connections, "LINGER_SECONDS", 0.1)


@contextmanager
def _pair(waiting: Waiting | None = None) -> Iterator[tuple[Connection, Any]]:
    """Give our end of a connection, and the caller's socket."""
    ours, theirs = gevent.socket.socketpair()
    with closing(ours), closing(theirs):
        yield Connection(ours, waiting or Waiting(100), Times(0.2, 0.3, 0.4, 0.2)), theirs


def _ends(call: Callable[[], object]) -> bool:
    calling = gevent.spawn(call)
    calling.join(LONG)
    ended = bool(calling.ready())
    calling.kill()
    calling.get()
    return ended


def _drip(theirs: Any) -> None:
    with suppress(OSError):
        while True:
            theirs.send(b"x")
            gevent.sleep(0.02)


@contextmanager
def _beside(call: Callable[[], None]) -> Iterator[None]:
    aside = gevent.spawn(call)
    try:
        yield
    finally:
        aside.kill()


def _read(connection: Connection) -> None:
    while connection.recv(10):
        continue


def _read_body(connection: Connection) -> None:
    connection.has_request()
    _read(connection)


WAITS: dict[str, Callable[[Connection], None]] = {
    "a head": _read,
    "a body": _read_body,
    "the end": Connection.close,
}


@pytest.mark.parametrize("waits", WAITS.values(), ids=WAITS)
def test_a_caller_has_a_time_for_all_he_sends(waits: Callable[[Connection], None]) -> None:
    """However he spreads it, or if he sends nothing."""
    with _pair() as (connection, _):
        assert _ends(partial(waits, connection))
    with _pair() as (connection, theirs), _beside(partial(_drip, theirs)):
        assert _ends(partial(waits, connection)), "each byte had a time of its own"


def test_a_caller_has_a_time_to_read_what_he_is_answered() -> None:
    """A byte that he reads now and then makes it no longer."""
    large = b"x" * 50_000_000
    with _pair() as (connection, theirs):

        def read_a_little() -> None:
            while theirs.recv(1):
                gevent.sleep(0.02)

        def answer() -> None:
            with pytest.raises(BrokenPipeError):
                connection.sendall(large)

        with _beside(read_a_little):
            assert _ends(answer)


def test_a_kept_connection_has_its_times_anew_for_each_request() -> None:
    """One who asks for something every now and then is not cut off by the clock of his first request."""
    with _pair() as (connection, theirs):
        for _ in range(10):
            theirs.send(b"a request")
            assert connection.recv(100) == b"a request"
            connection.has_request()
            theirs.send(b"its body")
            assert connection.recv(100) == b"its body"
            connection.sendall(b"the answer")
            assert theirs.recv(100) == b"the answer"
            connection.awaits_request()
            gevent.sleep(0.1)


def test_who_keeps_us_waiting_longest_goes_first() -> None:
    """By the beginning of his request: a byte now and then makes nobody younger."""
    waiting = Waiting(40)
    with ExitStack() as stack:
        pairs = []
        for _ in range(50):
            pairs.append(stack.enter_context(_pair(waiting)))
            gevent.sleep(0.001)
        reading = [gevent.spawn(_read, connection) for connection, _ in pairs]
        gevent.sleep(0)
        for _, theirs in reversed(pairs):
            theirs.send(b"x")
        gevent.sleep(0.01)
        waiting.make_room()
        gevent.sleep(0.01)
        ended = [greenlet.dead for greenlet in reading]
        assert True in ended
        assert ended == sorted(ended, reverse=True)
        assert ended[-1] is False
        gevent.killall(reading)


def test_who_sends_without_end_gets_no_more_than_his_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody wants is thrown away up to a bound; and others have their turn meanwhile."""
    monkeypatch.setattr(web_connections, "MOST_BETWEEN", 400_000)
    turns = []

    def others() -> None:
        while True:
            turns.append(1)
            gevent.sleep(0)

    def pour(theirs: Any) -> None:
        with suppress(OSError):
            while True:
                theirs.send(b"x" * 60_000)

    with _pair() as (connection, theirs), _beside(others), _beside(partial(pour, theirs)):
        got = 0
        while data := connection.recv(60_000):
            got += len(data)
    assert got <= 400_000 + 60_000
    assert len(turns) > got / 60_000 / 2


def test_who_has_begun_no_request_does_not_keep_a_process_that_ends() -> None:
    waiting = Waiting(100)
    with _pair(waiting) as (idle, _), _pair(waiting) as (begun, theirs):
        theirs.send(b"GET")
        assert begun.recv(10) == b"GET"
        waits = [gevent.spawn(one.recv, 10) for one in (idle, begun)]
        gevent.sleep(0.02)
        waiting.end_idle()
        gevent.sleep(0.02)
        assert [one.ready() for one in waits] == [True, False]
        theirs.send(b" /")
        assert [one.get(timeout=LONG) for one in waits] == [b"", b" /"]
