"""Ingest: a dataset of the local Apify becomes posts in the ledger, beside the least that any script must do.

The floor downloads the same pages, parses them, and upserts each page's posts in one statement and one
commit, into a table with the same plain columns and the raw item; it checks, attributes, searches and
names nothing. Ours is the worker's own step, from the ended actor run to the settled one. Each runs in a
process of its own, and the local Apify in a third.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final

from agency import found
from bare_ingest import floor
from databases import BOTH, database
from measured import Measured, at_most, tell, times
from sqlalchemy import Row, select

from harvester.ledger import Ledger, tables
from harvester.sandbox.apify.people import Scene
from harvester.sandbox.apify.posts import build_post
from harvester.sandbox.apify.sandbox import SandboxApify

#: What is asked for: times the floor, and MB between the smallest dataset's peak and the largest's.
MOST_TIMES: Final = 1.5
MOST_MB: Final = 60.0
#: Items of one actor run: more are left where they are.
_MOST_OF_ONE: Final = 250_000
_LEADS: Final = 20
_TOKEN: Final = "benchmark-token"  # noqa: S105 - opens a benchmark alone
_FEW: Final = 10_000


def made(items: int, client: int) -> list[dict[str, Any]]:
    """Make posts of all kinds, as the local Apify's people write them, of one client's leads."""
    scene = Scene(seed=7 + client, anchor=datetime.now(UTC))
    handles = [f"lead-{client:04d}-{number:03d}" for number in range(_LEADS)]
    urls = [f"https://www.linkedin.com/in/{handle}" for handle in handles]
    return [
        build_post(scene, handles[at % _LEADS], "profile", at // _LEADS)
        | {"query": {"targetUrl": urls[at % _LEADS], "page": "1"}}
        for at in range(items)
    ]


class Apart:
    """A function at work in a process of its own, spoken to over a pipe."""

    def __init__(self, work: Callable[..., None], *given: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(theirs, *given), daemon=True)
        self._process.start()
        theirs.close()

    def heard(self) -> Any:
        """Wait for what it says next. Raises `EOFError` if it died."""
        return self._pipe.recv()

    def ask(self, what: Any) -> Any:
        """Say something, and wait for the answer."""
        self._pipe.send(what)
        return self._pipe.recv()

    def end(self) -> None:
        """Let it end."""
        self._pipe.close()
        self._process.join(10)
        self._process.kill()


def apify(pipe: Connection, items: int, clients: int) -> None:
    """Serve the local Apify. Told an actor run of a client, it has the client's dataset."""
    posts = [made(items // clients, client) for client in range(clients)]
    options: dict[str, Any] = {"run_seconds": 0.2, "max_concurrent_runs": 100, "max_memory_gbytes": 100}
    with SandboxApify(token=_TOKEN, time_scale=1, **options) as sandbox, suppress(EOFError):
        pipe.send(sandbox.url)
        while True:
            client, run_id = pipe.recv()
            sandbox.put_items(run_id, posts[client])
            pipe.send(True)


def ours(pipe: Connection, url: str, apify_url: str, clients: int) -> None:
    """Start the actor runs, then ingest their datasets as a worker does. Says seconds, and MB of memory."""
    from harvester import memory
    from harvester.ledger import actor_runs
    from harvester.settings import load
    from services import build
    from services.kickoff import Order

    environ = {
        "DATABASE_URL": url,
        "PUBLIC_URL": "http://127.0.0.1:9",
        "API_TOKENS": _TOKEN,
        "WEBHOOK_SECRETS": "0123456789abcdef" * 4,
        "APIFY_TOKEN": _TOKEN,
        "APIFY_API_URL": apify_url,
        "COST_SETTLE_SECONDS": "0.05",
        "APIFY_MAX_CHARGE_USD": "10000",
        "DAILY_BUDGET_USD": "1000000",
        "LOG_LEVEL": "ERROR",
    }
    services = build(load(environ, None))
    for number in range(clients):
        services.kickoff(Order(f"Client-{number:04d}"))
    while len(runs := _runs(services.ledger)) < clients or any(run.apify_run_id is None for run in runs):
        services.tick(services.advance)
    pipe.send([(int(run.client_id[-4:]), run.apify_run_id) for run in runs])
    pipe.recv()
    time.sleep(1)  # the runs end, and their costs settle
    memory.settled()  # as a worker does
    before = _memory_mb("VmRSS")
    _forget_peak()
    began = time.perf_counter()
    for run in runs:
        with services.ledger.write() as tx:
            actor_runs.wake(tx, run.id, now=datetime.now(UTC))
        services.advance(run.id)
    seconds = time.perf_counter() - began
    assert {run.state for run in _runs(services.ledger)} == {"ingested"}, "not all was ingested"
    pipe.send((seconds, before, _memory_mb("VmHWM")))
    services.close()


@dataclass
class Figures:
    """Seconds of each round, ours and the floors', and the most memory of ours in MB."""

    ours: list[float] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    dressed: list[float] = field(default_factory=list)
    most_mb: float = 0.0


def measured(kind: str, items: int, rounds: int) -> Figures:
    """Ingest so many items, and let the floors do it, in turns."""
    figures = Figures()
    clients = max(1, -(-items // _MOST_OF_ONE))
    local = Apart(apify, items, clients)
    apify_url = local.heard()
    for _ in range(rounds):
        with database(kind) as url:
            ledger = Ledger(url)
            found(ledger, clients, _LEADS)
            ledger.close()
            worker = Apart(ours, url, apify_url, clients)
            runs = worker.heard()
            for run in runs:
                local.ask(run)
            seconds, _, peak = worker.ask("all there")
            worker.end()
            figures.ours.append(seconds)
            figures.most_mb = max(figures.most_mb, peak)
            for dressed, found_by in ((False, figures.floor), (True, figures.dressed)):
                bare = Apart(
                    partial(floor, token=_TOKEN, dressed=dressed),
                    url,
                    apify_url,
                    [run_id for _, run_id in runs],
                )
                found_by.append(bare.heard())
                bare.end()
    local.end()
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say with the exit code whether what is asked for is met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="*", default=[1_000, 10_000, 100_000])
    parser.add_argument("--databases", nargs="*", default=list(BOTH), choices=BOTH)
    parser.add_argument("--rounds", type=int, default=3, help="of those of up to 10,000 items")
    given = parser.parse_args(arguments)
    lines: list[Measured] = []
    for kind in given.databases:
        peaks = {}
        for items in given.items:
            figures = measured(kind, items, given.rounds if items <= _FEW else 1)
            peaks[items] = figures.most_mb
            what = f"{items:,} posts into {kind}"
            ours = median(figures.ours)
            told = times(ours, median(figures.floor), most=MOST_TIMES, what=what)
            lines.append(told if items >= _FEW else replace(told, aim="", met=None))
            beside = times(
                ours, median(figures.dressed), most=1, what=f"{what}, beside a script that normalises"
            )
            lines.append(replace(beside, aim="", met=None))
        growth = max(peaks.values()) - min(peaks.values())
        what = f"most memory, {max(peaks):,} posts over {min(peaks):,}, {kind}"
        lines.append(at_most(growth, MOST_MB, what=what, unit=" MB", digits=0))
    return tell(lines)


def _runs(ledger: Ledger) -> list[Row[Any]]:
    with ledger.read() as tx:
        return list(tx.execute(select(tables.actor_runs).order_by(tables.actor_runs.c.id)))


def _memory_mb(what: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"the kernel tells no {what}")


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    sys.exit(main())
