"""Our real processes as children of a test, on its ledger."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cli.processes import STARTS_WITHIN
from factories import make_settings

from harvester.cli.children import free_port
from harvester.settings import Settings

from .stage import call

_SECRETS = {
    "APIFY_TOKEN": "apify_api_ThisIsATestToken0123456789",
    "API_TOKENS": "test-api-token",
    "WEBHOOK_SECRETS": "a-test-key-that-is-longer-than-32-bytes",
}


class Process:
    """One of our commands, with its log."""

    def __init__(self, pid: int, log: Path, settings: Settings) -> None:
        self.pid = pid
        self.log = log
        self.settings = settings

    def wait_until_ready(self) -> None:
        """Wait until the web process answers."""
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                if call("GET", f"{self.settings.public_url}/readyz").status == 200:
                    return
            except OSError:
                assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


@contextmanager
def process(command: str, folder: Path, database_url: str, **settings: Any) -> Iterator[Process]:
    """Run a command of ours, such as `worker`, with these settings; end it, and all that it started."""
    port = free_port()
    given = {"database_url": database_url, "port": port, "public_url": f"http://127.0.0.1:{port}", **settings}
    environ = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    environ |= _SECRETS | {name.upper(): str(value) for name, value in given.items()}
    log = folder / f"{command}.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "harvester.cli", command],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield Process(child.pid, log, make_settings(**given))
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            raise
