"""A Redis of the test's own: on a free port of loopback, in a folder of its own, keeping nothing on disk."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli.processes import free_port, until
from redis import Redis
from redis.exceptions import ConnectionError as NotThere


class RedisServer:
    """May be killed and started again; it is empty then."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """What `QUEUE_URL` takes."""
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (self._folder / "redis.log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._program, *options, "--dir", str(self._folder)], stdout=output, stderr=output
            )
        until(self._answers, 10)

    def kill(self) -> None:
        """Kill it: what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def calls(self, command: str) -> int:
        """Count how often a command was called since it was started."""
        with Redis.from_url(self.url) as client:
            counts: dict[str, Any] = client.info("commandstats")
        return int(counts.get(f"cmdstat_{command}", {}).get("calls", 0))

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except NotThere:
            return False


@contextmanager
def redis_server(folder: Path) -> Iterator[RedisServer]:
    """Lend one for the length of a `with` block. Skips the test where redis-server is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = RedisServer(program, folder)
    try:
        yield server
    finally:
        server.kill()
