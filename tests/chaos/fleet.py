"""Several web and worker processes on one ledger, a balancer before them, and who restarts the dead."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cli.processes import (
    HARVESTER,
    Process,
    Processes,
    answers,
    environment,
    free_port,
    group_members,
    processes_in,
    until,
)

from .balancer import Balancer


@dataclass(frozen=True)
class Life:
    """One process from its start on."""

    name: str
    process: Process
    began_at: datetime


@dataclass(frozen=True)
class Size:
    """What a process and its children take: resident memory in MiB, threads, open files."""

    mib: float
    threads: int
    files: int

    def __str__(self) -> str:
        """Give it for people."""
        return f"{self.mib:.0f} MiB, {self.threads} threads, {self.files} files"


@dataclass
class Fleet:
    """The processes. Every public method may be called from any thread."""

    processes: Processes
    environ: dict[str, str]
    ports: dict[str, int]
    workers: tuple[str, ...]
    url: str
    lives: list[Life] = field(default_factory=list)
    #: When a process was killed, whichever it was.
    killed_at: list[datetime] = field(default_factory=list)
    #: Name and exit code of each that ended by itself.
    ended: list[tuple[str, int]] = field(default_factory=list)
    _now: dict[str, Process] = field(default_factory=dict)
    _guard: threading.RLock = field(default_factory=threading.RLock)

    @property
    def names(self) -> tuple[str, ...]:
        """All processes by name."""
        return (*self.ports, *self.workers)

    def start(self, name: str) -> None:
        """Start a process; it keeps its port."""
        port = self.ports.get(name)
        command = ("serve", "--port", str(port)) if port else ("worker",)
        with self._guard:
            process = self.processes.start(*HARVESTER, *command, environ=self.environ)
            self._now[name] = process
            self.lives.append(Life(name, process, datetime.now(UTC)))

    def kill(self, name: str) -> None:
        """Kill a process with its children, and start it again."""
        with self._guard:
            self.killed_at.append(datetime.now(UTC))
            self._now[name].kill()
            self.start(name)

    def kill_a_child(self, name: str) -> None:
        """Kill a child of a process, which starts another; a worker has none and is killed itself."""
        leader = self._now[name].popen.pid
        children = [int(member.split()[0]) for member in group_members(leader)]
        children = [pid for pid in children if pid != leader]
        if not children:
            self.kill(name)
            return
        self.killed_at.append(datetime.now(UTC))
        with suppress(ProcessLookupError):
            os.kill(children[0], signal.SIGKILL)

    def stop(self, name: str, seconds: float) -> threading.Timer:
        """Stop a process with its children, for so long. It may be killed meanwhile."""
        process = self._now[name]
        self._signal(process, signal.SIGSTOP)
        timer = threading.Timer(seconds, self._signal, (process, signal.SIGCONT))
        timer.start()
        return timer

    def end(self, name: str) -> Process:
        """Tell a process to end, and not to be started again."""
        with self._guard:
            process = self._now.pop(name)
        process.popen.send_signal(signal.SIGTERM)
        return process

    def restart_dead(self) -> None:
        """Start what has ended by itself, as a service manager would."""
        with self._guard:
            for name, process in list(self._now.items()):
                code = process.popen.poll()
                if code is not None:
                    self.ended.append((name, code))
                    self.start(name)

    def _signal(self, process: Process, number: signal.Signals) -> None:
        with self._guard:
            if process.popen.poll() is None:
                os.killpg(process.popen.pid, number)

    def ready(self) -> bool:
        """Say whether all web processes answer and all workers work."""
        with self._guard:
            now = dict(self._now)
        return all(
            answers(f"http://127.0.0.1:{self.ports[name]}/readyz")
            if name in self.ports
            else "Worker started" in process.output
            for name, process in now.items()
        )

    def sizes(self) -> dict[str, Size]:
        """Measure each process with its children."""
        with self._guard:
            return {name: _size_of(process.popen.pid) for name, process in self._now.items()}

    def told(self) -> str:
        """Give the end of each log."""
        return "\n".join(f"--- {life.name}\n{life.process.output[-3_000:]}" for life in self.lives[-8:])


@contextmanager
def fleet(
    folder: Path, settings: Mapping[str, object], *, webs: int = 2, workers: int = 2
) -> Iterator[Fleet]:
    """Start a fleet, wait until it works, and end it with the `with` block."""
    ports = {f"web-{number}": free_port() for number in range(1, webs + 1)}
    with Balancer(list(ports.values())) as balancer, processes_in(folder) as processes:
        environ = environment(**{**settings, "PUBLIC_URL": balancer.url, "WEB_WORKERS": 1})
        names = tuple(f"worker-{number}" for number in range(1, workers + 1))
        started = Fleet(processes, environ, ports, names, balancer.url)
        for name in started.names:
            started.start(name)
        until(started.ready, 60, started.told)
        yield started


def _size_of(group: int) -> Size:
    pids = [Path("/proc") / member.split()[0] for member in group_members(group)]
    kib = threads = files = 0
    for pid in pids:
        with suppress(OSError):
            status = dict(
                line.split(":", 1) for line in (pid / "status").read_text().splitlines() if ":" in line
            )
            kib += int(status["VmRSS"].split()[0])
            threads += int(status["Threads"])
            files += len(list((pid / "fd").iterdir()))
    return Size(kib / 1024, threads, files)


@contextmanager
def minded(fleet: Fleet) -> Iterator[None]:
    """Restart whatever ends by itself, twice a second, within the `with` block."""
    over = threading.Event()

    def mind() -> None:
        while not over.wait(0.5):
            fleet.restart_dead()

    minding = threading.Thread(target=mind, name="minding")
    minding.start()
    try:
        yield
    finally:
        over.set()
        minding.join()
