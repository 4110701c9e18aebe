"""Real processes of ours, for tests: each in a group of its own, its output in a file, ended with it."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent.parent
API_TOKEN = "test-api-token-canary"
SECRETS = {
    "APIFY_TOKEN": "apify_api_canary0123456789",
    "API_TOKENS": API_TOKEN,
    "WEBHOOK_SECRETS": "canary-of-thirty-two-bytes-and-some",
}
HARVESTER = ("-m", "harvester.cli")
#: Seconds that a process may take to start on a machine that is busy with all the other tests. How fast it
#: starts is not tested with this, only that it does.
STARTS_WITHIN = 90


def environment(**settings: object) -> dict[str, str]:
    """Give an environment with these settings, the secrets that are required, and nothing else of ours."""
    theirs = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "WITHOUT_CONTROL")
    kept = {name: os.environ[name] for name in theirs if name in os.environ}
    ours = {"PUBLIC_URL": "http://127.0.0.1:9", "APIFY_API_URL": "http://127.0.0.1:9", "WEB_WORKERS": "1"}
    return kept | SECRETS | ours | {name: str(value) for name, value in settings.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """One of our processes."""

    def __init__(
        self, arguments: tuple[str, ...], environ: Mapping[str, str], folder: Path, logs: Path
    ) -> None:
        self.log = logs / f"{time.monotonic_ns()}.log"
        with self.log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ) | {"PYTHONUNBUFFERED": "1"},
                cwd=folder,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """What it has written so far, to stdout and stderr."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float) -> int:
        """Wait for its end, and give its exit code."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still there after {seconds} s:\n{self.output}") from None

    def wait_for(self, text: str, seconds: float = STARTS_WITHIN) -> None:
        """Wait until its output holds a text."""
        until(lambda: text in self.output or self.popen.poll() is not None, seconds, lambda: self.output)
        assert text in self.output, f"ended with {self.popen.returncode}:\n{self.output}"

    def kill(self) -> None:
        """Kill it and all its children, without a word."""
        if self.popen.poll() is None:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


class Processes:
    """Starts processes in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Process] = []

    def start(self, *arguments: str, environ: Mapping[str, str], folder: Path | None = None) -> Process:
        """Start our Python with these arguments."""
        self._started.append(Process(arguments, environ, folder or self.folder, self.folder))
        return self._started[-1]

    def run(
        self, *arguments: str, environ: Mapping[str, str], folder: Path | None = None, seconds: float = 30
    ) -> tuple[int, str]:
        """Run our Python with these arguments to its end. Gives its exit code and its output."""
        process = self.start(*arguments, environ=environ, folder=folder)
        return process.wait(seconds), process.output

    def close(self) -> None:
        """Kill what is left."""
        for process in self._started:
            process.kill()


@contextmanager
def processes_in(folder: Path) -> Iterator[Processes]:
    """Give processes that end with the `with` block."""
    started = Processes(folder)
    try:
        yield started
    finally:
        started.close()


def until(true: Callable[[], bool], seconds: float, tale: Callable[[], str] = str) -> None:
    """Wait until something is true, and fail if it never is."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not so within {seconds} s: {tale()}"
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Say whether a URL answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return int(answer.status) == 200
    except (OSError, http.client.HTTPException):
        return False


def until_ready(url: str, tale: Callable[[], str] = str) -> None:
    """Wait until a web process that was just started answers as ready."""
    until(lambda: answers(f"{url}/readyz"), STARTS_WITHIN, tale)


def group_members(group: int) -> list[str]:
    """Name the living processes of a process group, with their command lines."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, of_group = status.read_text().rpartition(")")[2].split()[:3]
            if int(of_group) == group and state not in "ZX":
                command = status.with_name("cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{status.parent.name} {command}")
        except (OSError, ValueError):
            continue
    return found
