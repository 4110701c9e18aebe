"""What it costs to wait: memory of web and worker, and processor time while client runs wait for webhooks.

Memory is PSS: pages of several processes are shared out among them, so the sum over gunicorn's master, its
workers and the worker process is what they take together. It is told twice: of an agency that has just
begun, and of one that has started so many actor runs and waits.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

from agency import Agency, at_work, until
from databases import BOTH, POSTGRESQL, SQLITE, database
from measured import Measured, at_most, shown_only, tell

from harvester.ledger import actor_runs

#: What is asked for: percent of one core of both processes together, and their MB together.
MOST_PERCENT: Final = 1.0
MOST_MB: Final = 120.0
_STARTED_WITHIN: Final = 900
_SETTLED_SECONDS: Final = 4
_FEW: Final = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure with none waiting and with many, and say both. Exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--databases", nargs="+", choices=BOTH, default=BOTH)
    given = parser.parse_args(arguments)
    sizes = {SQLITE: given.clients, POSTGRESQL: _FEW}
    return tell([line for kind in given.databases for line in _lines(kind, sizes[kind], given.seconds)])


def _lines(kind: str, clients: int, seconds: float) -> Iterator[Measured]:
    """Start an agency on such a ledger: idle first, then with so many waiting."""
    endless = {"run_seconds": 3_600, "max_concurrent_runs": 10_000, "max_memory_gbytes": 10_000}
    with (
        database(kind) as url,
        at_work(clients, 1, sandbox=endless, DATABASE_URL=url, MAX_ACTOR_RUNS="10000") as agency,
    ):
        time.sleep(_SETTLED_SECONDS)
        idle = _percent(agency, seconds)
        yield _memory(agency, f"{kind}: memory, idle", MOST_MB)
        agency.call("/api/apify/process", {})
        until(agency, lambda: _running(agency) == clients, seconds=_STARTED_WITHIN)
        time.sleep(_SETTLED_SECONDS)
        busy = _percent(agency, seconds)
        what = f"{kind}: processor, {clients:,} client runs waiting (floor: none waiting)"
        met = busy < MOST_PERCENT
        yield Measured(what, f"{busy:.2f} %", f"{idle:.2f} %", aim=f"< {MOST_PERCENT:g} %", met=met)
        yield _memory(agency, f"{kind}: memory, {clients:,} started and waiting")


def _memory(agency: Agency, what: str, most: float | None = None) -> Measured:
    """Say how many MB web and worker take now, with its parts, against a bound or for itself."""
    agency.most_mb.clear()
    agency.look()
    parts = ", ".join(f"{name} {mb:.0f}" for name, mb in sorted(agency.most_mb.items()))
    total, told = sum(agency.most_mb.values()), f"{what} ({parts} MB)"
    if most is None:
        return shown_only(told, f"{total:.0f} MB")
    return at_most(total, most, what=told, unit=" MB", digits=0)


def _running(agency: Agency) -> int:
    with agency.ledger.read() as tx:
        return actor_runs.count_by_state(tx).get("running", 0)


def _percent(agency: Agency, seconds: float) -> float:
    before = agency.cpu_seconds()
    time.sleep(seconds)
    return (agency.cpu_seconds() - before) / seconds * 100


if __name__ == "__main__":
    sys.exit(main())
