"""Servers that take webhook calls, each under the product's own gunicorn, and what they were measured at."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Final

import orjson
from bare import DATABASE
from load import packed
from webhook_calls import Calls

from harvester.cli.children import Children, free_port

PRODUCT: Final = "wsgi:app"
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Round:
    """Answers a second; their median and 99th percentile, and the server's processor time each, in ms."""

    rate: float
    p50: float
    p99: float
    processor: float


@dataclass
class Server:
    """One of them, and what its rounds have brought, by the number of connections."""

    name: str
    port: int
    children: Children
    calls: Calls
    #: Whether it is the product: then its ledger must have each call that it has answered.
    keeps: bool = False
    rounds: defaultdict[int, list[Round]] = field(default_factory=lambda: defaultdict(list))

    def median(self, connections: int) -> Round:
        """Give the median of the rounds, of each figure by itself."""
        return Round(*map(statistics.median, zip(*map(astuple, self.rounds[connections]), strict=True)))

    def processor_seconds(self) -> float:
        """Give the processor time that its processes have used so far."""
        return sum(
            _processor_seconds(pid) for _, process in self.children.running() for pid in _family(process.pid)
        )


@contextmanager
def served(folder: Path, name: str, app: str, url: str, calls: Calls, secret: str) -> Iterator[Server]:
    """Serve an application on a ledger's database."""
    port = free_port()
    environ = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        "PYTHONPATH": str(_HERE),
        DATABASE: url,
        "DATABASE_URL": url,
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "API_TOKENS": "benchmark-token",
        "WEBHOOK_SECRETS": secret,
        "APIFY_TOKEN": "benchmark-token",
    }
    serve = ["-m", "gunicorn", app, "--config", "python:harvester.web_server", "--bind", f"127.0.0.1:{port}"]
    with Children(folder, environ) as children:
        keeps = app == PRODUCT
        children.start(str(port), ["-m", "harvester.cli", "serve"] if keeps else serve)
        children.wait_for_url(f"http://127.0.0.1:{port}/healthz", 60)
        yield Server(name, port, children, calls, keeps)


def ask(server: Server, connections: int, count: int, *, counts: bool = True) -> float:
    """Send so many calls over so many connections. Gives the share of a core that sending them took.

    Raises `RuntimeError` if one of them was answered with anything but 200.
    """
    file = server.children.folder / "requests"
    file.write_bytes(packed(server.calls.take(connections + count, kept=server.keeps)))
    command = [sys.executable, str(_HERE / "load.py"), str(server.port), str(connections), str(file)]
    before = server.processor_seconds()
    told = orjson.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=120).stdout)  # noqa: S603  # nosec B603 # ours
    used = server.processor_seconds() - before
    if set(told["statuses"]) != {"200"}:
        raise RuntimeError(f"{server.name} answered {told['statuses']}")
    took = sorted(one * 1000 for one in told["took"])
    found = Round(
        count / told["seconds"],
        took[count // 2],
        took[count * 99 // 100],
        used / (connections + count) * 1000,
    )
    if counts:
        server.rounds[connections].append(found)
    return float(told["processor"] / told["seconds"])


def _family(pid: int) -> list[int]:
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
