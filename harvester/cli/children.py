"""Child processes of the demo: started with a log file each, ended with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from harvester.errors import HarvesterError

_ENDING_SECONDS = 10
#: Of <linux/prctl.h>.
_PR_SET_PDEATHSIG = 1

#: A proxy in the environment is for the world outside; the children are on loopback.
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Children:
    """Processes that run while this is open, in `folder`, where each writes its output to a file.

    They read no `.env` but one of that folder, and have no signal of our terminal. On Linux they end even
    if this process is killed.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder = folder
        self.environ = dict(environ)
        self._running: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def start(self, name: str, arguments: Sequence[str]) -> Path:
        """Start our Python with these arguments. Returns the file that its output goes to."""
        path = self.folder / f"{name}.log"
        with path.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603  # nosec B603 # our own commands
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**self.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
                preexec_fn=self._end_with_us if self._libc else None,
            )
        self._running.append((name, process))
        return path

    def _end_with_us(self) -> None:
        """Have the kernel send SIGTERM to the new process when this one dies."""
        assert self._libc is not None
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    def running(self) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
        """Give the processes that were started, by name."""
        yield from self._running

    def check(self) -> None:
        """Raise `HarvesterError`, with the last lines of its log, if one of them has ended."""
        for name, process in self._running:
            if process.poll() is not None:
                tail = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
                raise HarvesterError(f"the {name} process ended ({process.returncode}):\n" + "\n".join(tail))

    def wait_for_line(self, path: Path, start: str, seconds: float) -> str:
        """Wait until the log has a line that starts so, and give it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            for line in path.read_text(errors="replace").splitlines():
                if line.startswith(start):
                    return line
            time.sleep(0.05)
        raise HarvesterError(f"{path} had no line {start!r} within {seconds} s")

    def wait_for_url(self, url: str, seconds: float) -> None:
        """Wait until a URL answers 200."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            try:
                with direct.open(url, timeout=1) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise HarvesterError(f"{url} did not answer within {seconds} s")

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + _ENDING_SECONDS
        try:
            for _, process in reversed(self._running):
                if process.poll() is None:
                    process.terminate()
            for _, process in self._running:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))
        finally:  # also when the one who waits here gets impatient
            for _, process in self._running:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


def free_port() -> int:
    """Find a free port on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
