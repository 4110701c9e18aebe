"""A terminal of any size, for tests: a command runs in it as a person would run it."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from .processes import HARVESTER, STARTS_WITHIN


class Terminal:
    """One command in a terminal, and what it has drawn so far."""

    def __init__(self, popen: subprocess.Popen[bytes], master: int) -> None:
        self.popen = popen
        self._master = master
        self.text = ""

    def read(self, until: Callable[[str], bool] | None = None, seconds: float = STARTS_WITHIN) -> str:
        """Read until what was drawn is as wanted; without `until`, to the command's end."""
        deadline = time.monotonic() + seconds
        while until is None or not until(self.text):
            assert time.monotonic() < deadline, f"not so within {seconds} s: {self.text!r}"
            if not self._more():
                assert until is None or until(self.text), f"ended before that: {self.text!r}"
                break
        return self.text

    def _more(self) -> bool:
        try:
            part = os.read(self._master, 65_536)
        except OSError:  # the other end is closed: the command has ended
            return False
        self.text += part.decode(errors="replace")
        return bool(part)

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.killpg(self.popen.pid, signal.SIGINT)

    def code(self) -> int:
        """Wait for its end, and give the exit code."""
        self.read()
        return self.popen.wait(STARTS_WITHIN)


@contextmanager
def in_terminal(
    *arguments: str,
    environ: Mapping[str, str],
    folder: Path,
    columns: int = 80,
    rows: int = 24,
    output: Path | None = None,
) -> Iterator[Terminal]:
    """Start a command of ours in a terminal of this size; it is killed at the end if it is still there.

    With `output` its stdout goes there, and the terminal shows its stderr alone.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with (
        output.open("wb") if output else nullcontext(slave) as stdout,
        subprocess.Popen(
            [sys.executable, *HARVESTER, *arguments],
            stdin=slave,
            stdout=stdout,
            stderr=slave,
            env={"TERM": "xterm-256color", **environ},
            cwd=folder,
            start_new_session=True,
        ) as popen,
    ):
        os.close(slave)
        try:
            yield Terminal(popen, master)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(popen.pid, signal.SIGKILL)
            popen.wait()
            os.close(master)
