"""Connections to callers who may be slow, mute or hostile: each has its time, and gives way to others.

A gevent worker holds a connection at the price of a few kilobytes, but no more than so many. So whoever
sends nothing, or a byte now and then, or does not read what is answered, may do so for some seconds; and when
there are very many of them, those go first that have kept us waiting the longest.
"""

from __future__ import annotations

import heapq
import resource
import socket
from contextlib import suppress
from dataclasses import dataclass
from errno import EPIPE
from time import monotonic
from typing import Final

import gevent

#: Seconds that one who was answered may still send what nobody reads: a reset would cost him the answer.
LINGER_SECONDS: Final = 2.0
#: What may come between two requests: headers, and a body that was refused and is thrown away.
MOST_BETWEEN: Final = 8 * 1024 * 1024
#: After so many bytes at one go others have their turn: a socket with bytes at hand lets nobody in between.
_TURN_BYTES: Final = 64 * 1024
#: How many go at once when there are too many: to look for them takes its time.
_GO_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Times:
    """How many seconds a caller has, from the settings."""

    #: For the first byte of a request: on a new connection, or on one that is kept.
    idle: float = 5.0
    #: For a request's line and headers, all together, from their first byte.
    head: float = 10.0
    #: For its body, all together, from the end of the headers.
    body: float = 30.0
    #: For one piece of an answer: all of it, unless it is streamed.
    answer: float = 30.0


class Waiting:
    """The connections of one process that wait for their callers."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._waiting: set[Connection] = set()

    def add(self, connection: Connection) -> None:
        """Count a connection in."""
        self._waiting.add(connection)

    def discard(self, connection: Connection) -> None:
        """Count a connection out."""
        self._waiting.discard(connection)

    def make_room(self) -> None:
        """End those that have kept us waiting the longest, if there are too many of them."""
        if len(self._waiting) < self.most:
            return
        for connection in heapq.nsmallest(_GO_AT_ONCE, self._waiting, key=lambda one: one.since):
            self._waiting.discard(connection)
            connection.end()

    def end_idle(self) -> None:
        """End those that have begun no request: this process is about to end."""
        for connection in [one for one in self._waiting if one.is_idle]:
            connection.end()


class Connection:
    """A gevent socket that knows how long its caller may take, and for what.

    To gunicorn it is the socket. A caller whose time is up, or who is in the way, looks like one who has
    hung up: what he had begun to send is no request, and nobody writes a stack trace into the log.
    """

    def __init__(self, connected: socket.socket, waiting: Waiting, times: Times | None = None) -> None:
        self._socket = connected
        self._times = times or Times()
        self._waiting = waiting
        self._hung_up = False
        self._had_to_go = False
        self.awaits_request()

    def awaits_request(self) -> None:
        """A request may begin now; what is left of the one before is thrown away."""
        self.since = monotonic()
        self._until = self.since + self._times.idle
        self._began = False
        self._got = 0

    @property
    def is_idle(self) -> bool:
        """True while no request has begun."""
        return not self._began

    def has_request(self) -> None:
        """A request is there, but for its body. One that came in the tow of another lets others go first."""
        if not self._began:
            gevent.sleep(0)
        self.since = monotonic()
        self._until = self.since + self._times.body
        self._began = True
        self._got = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Give what has come; nothing when there will be no more, or the caller's time is up."""
        left = self._until - monotonic()
        if self._hung_up or left <= 0 or self._got > MOST_BETWEEN:
            return b""
        if self._got > _TURN_BYTES:
            gevent.sleep(0)
        self._socket.settimeout(left)
        self._waiting.add(self)
        try:
            data = self._socket.recv(size, flags)
        except TimeoutError:
            data = b""
        except OSError:
            if not self._had_to_go:
                raise
            data = b""
        finally:
            self._waiting.discard(self)
        self._count(data)
        return data

    def _count(self, data: bytes) -> None:
        self._hung_up = not data
        self._got += len(data)
        if not self._began:
            self._began = True
            self._until = monotonic() + self._times.head

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """Send it all. Raises `BrokenPipeError` if the caller does not read it."""
        self.since = monotonic()
        self._socket.settimeout(self._times.answer)
        self._waiting.add(self)
        try:
            self._socket.sendall(data, flags)
        except TimeoutError as error:
            self._hung_up = True
            raise BrokenPipeError(EPIPE, "the caller does not read the answer") from error
        except OSError as error:
            if not self._had_to_go:
                raise
            raise BrokenPipeError(EPIPE, "the caller had to go") from error
        finally:
            self._waiting.discard(self)

    def send(self, data: bytes, flags: int = 0) -> int:
        """Send it all, and tell how much that was."""
        self.sendall(data, flags)
        return len(data)

    def end(self) -> None:
        """Hang up on the caller: whoever waits for him here goes on, and finds him gone."""
        self._hung_up = self._had_to_go = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Say that no more is to come, hear the caller out for a moment, and close."""
        with suppress(OSError):
            if not self._hung_up:
                self._hear_out()
        self._socket.close()

    def _hear_out(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)
        self.awaits_request()
        self._began = True
        self._until = self.since + LINGER_SECONDS
        while self.recv(_TURN_BYTES):
            continue

    def shutdown(self, how: int) -> None:
        """Shut the socket's one side, or both."""
        self._socket.shutdown(how)

    def setblocking(self, flag: bool) -> None:
        """Pass over what gunicorn wants: each call here has its own time."""

    def gettimeout(self) -> float | None:
        """Give the seconds of the call before."""
        return self._socket.gettimeout()

    def settimeout(self, seconds: float | None) -> None:
        """Pass over what gunicorn wants: each call here has its own time."""

    def fileno(self) -> int:
        """Give the socket's descriptor."""
        return self._socket.fileno()


def most_waiting(connections: int) -> int:
    """Say how many may wait of so many connections that a process takes, and of the files it may open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, min(connections, files // 2) * 4 // 5)
