"""Whole harvests per second, from one kickoff of all clients until the last client run is completed.

The local Apify takes no time, and is a process of its own. One worker process on SQLite; 1, 2 and 4 on
PostgreSQL. What each took of the processor is shown beside: once the cores are full, more workers cannot
bring more, and must not bring less.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from databases import POSTGRESQL, SQLITE, database
from many_clients import store
from measured import Measured, shown_only, tell

from harvester.cli.children import Children, direct, free_port
from harvester.ledger import Ledger, client_runs
from harvester.models import ClientRunStatus

#: Clients harvested before, so that everything is warm, and those that are counted.
WARMING, CLIENTS = 20, 150
#: The databases, each with the worker processes to try.
TRIED: Final = ((SQLITE, (1,)), (POSTGRESQL, (1, 2, 4)))
#: Of the rate with fewer workers, that with more must have so much at the least.
LEAST_KEPT: Final = 0.85
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
_PATIENCE_SECONDS: Final = 240
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figures:
    """What came of it: harvests per second, and how many cores were busy in all and with what."""

    rate: float
    busy: float
    cores: dict[str, float]

    def __str__(self) -> str:
        each = ", ".join(f"{name} {cores:.1f}" for name, cores in self.cores.items())
        took = self.cores["workers"] / self.rate * 1000
        return f"{self.busy:.1f} of {os.cpu_count()} cores busy: {each}, which is {took:.0f} ms a harvest"


def main(_arguments: Sequence[str]) -> int:
    """Measure each database with each number of workers."""
    return tell([line for kind, numbers in TRIED for line in _lines(kind, numbers)])


def _lines(kind: str, numbers: Sequence[int]) -> Iterator[Measured]:
    found = {number: measured(kind, number) for number in numbers}
    first = found[numbers[0]]
    for before, (number, figures) in zip((0, *numbers), found.items(), strict=False):
        what = f"{kind}, {number} worker process{'es' * (number > 1)} ({figures})"
        shown = f"{figures.rate:.1f} harvests/s"
        if not before:
            yield shown_only(what, shown)
            continue
        kept = figures.rate / found[before].rate
        told = f"{first.rate:.1f} with one", f"{figures.rate / first.rate:.2f}"
        yield Measured(what, shown, *told, f">= {LEAST_KEPT:g} of {before} workers", kept >= LEAST_KEPT)


def measured(kind: str, workers: int) -> Figures:
    """Harvest all clients once, with so many worker processes."""
    with database(kind) as url:
        store(url, [WARMING, CLIENTS])
        with _at_work(url, workers) as children, closing(Ledger(url)) as ledger:
            _harvested(children, ledger, stream=1)
            idle, used, began = _idle_seconds(), _used(children), time.monotonic()
            _harvested(children, ledger, stream=2)
            seconds = time.monotonic() - began
            after = _used(children)
            busy = (os.cpu_count() or 1) - (_idle_seconds() - idle) / seconds
    return Figures(CLIENTS / seconds, busy, {name: (after[name] - used[name]) / seconds for name in used})


@contextmanager
def _at_work(url: str, workers: int) -> Iterator[Children]:
    """Start the local Apify, web, and so many workers."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            "DATABASE_URL": url,
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_TOKENS": _TOKEN,
            "WEBHOOK_SECRETS": secrets.token_hex(32),
            "APIFY_TOKEN": _TOKEN,
            "COST_SETTLE_SECONDS": "0.05",
            "DAILY_BUDGET_USD": "1000",
            "MAX_ACTOR_RUNS": "100",
        }
        with Children(Path(folder), environ) as children:
            script = str(Path(__file__).parent / "quick_sandbox.py")
            log = children.start("Apify", [script, _TOKEN])
            told = children.wait_for_line(log, "Sandbox Apify on ", 30)
            children.environ["APIFY_API_URL"] = told.rpartition(" ")[2]
            children.start("web", ["-m", "harvester.cli", "serve"])
            for number in range(workers):
                children.start(f"worker {number}", ["-m", "harvester.cli", "worker"])
            children.wait_for_url(f"{environ['PUBLIC_URL']}/readyz", 60)
            yield children


def _harvested(children: Children, ledger: Ledger, *, stream: int) -> None:
    """Kick the clients of a stream off, and wait until all are completed. Raises `TimeoutError`."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    run_id = _call(children, "/api/apify/process", {"stream": stream})["runId"]
    while _live(ledger):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_SECONDS} s")
        children.check()
        time.sleep(0.05)
    with ledger.read() as tx:
        ends = {run.status for run in client_runs.of_job(tx, run_id)}
    if ends != {ClientRunStatus.COMPLETED}:
        raise RuntimeError(f"client runs ended as {ends}")


def _live(ledger: Ledger) -> bool:
    with ledger.read() as tx:
        return bool(client_runs.live_clients(tx))


def _call(children: Children, path: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310 - loopback
        children.environ["PUBLIC_URL"] + path,
        data=orjson.dumps(body),
        headers={"Authorization": f"Bearer {_TOKEN}", "Content-Type": "application/json"},
    )
    with direct.open(request, timeout=120) as answer:
        found: dict[str, Any] = orjson.loads(answer.read())
        return found


def _used(children: Children) -> dict[str, float]:
    """Give the processor seconds that each kind of our processes has used so far."""
    used: dict[str, float] = {}
    for name, process in children.running():
        kind = "workers" if name.startswith("worker") else name
        used[kind] = used.get(kind, 0.0) + sum(map(_processor_seconds, _family(process.pid)))
    return used


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def _processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _idle_seconds() -> float:
    """Give the seconds that all cores of the machine have been idle, or waited for a disk, so far."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICKS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
