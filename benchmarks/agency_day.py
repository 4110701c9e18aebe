"""What a day of many clients takes: one call, every due lead harvested, on one machine, Apify taking no time.

The same is done for agencies of several sizes. Each figure is a ratio to the smallest in the same run: the
time for each client must not grow with their number.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agency import Agency, at_work, until
from rich.console import Console
from rich.table import Table

from harvester.ledger import client_runs
from harvester.models import ClientRunStatus

LEADS = 50
#: What is asked for: time for each client over that of the smallest agency, and memory.
MOST_GROWTH, MOST_MB = 1.5, 256
_PATIENCE_SECONDS = 900


@dataclass(frozen=True)
class Figures:
    """What came of it, for an agency of one size."""

    clients: int
    call_seconds: float
    seconds: float
    web_mb: float
    worker_mb: float
    violations: int


def measured(size: int) -> Figures:
    """Harvest an agency's day."""
    quick = {"run_seconds": 0.02, "max_concurrent_runs": 1_000, "max_memory_gbytes": 1_000}
    with at_work(size, LEADS, sandbox=quick, MAX_ACTOR_RUNS="100") as agency:
        began = time.monotonic()
        answer = agency.call("/api/apify/process", {})
        call_seconds = time.monotonic() - began
        run_id = answer["runId"]
        until(agency, lambda: _over(agency), seconds=_PATIENCE_SECONDS)
        seconds = time.monotonic() - began
        return Figures(
            size,
            call_seconds,
            seconds,
            agency.most_mb["web"],
            agency.most_mb["worker"],
            _violations(agency, run_id, size),
        )


def _over(agency: Agency) -> bool:
    with agency.ledger.read() as tx:
        live, _ = client_runs.page(tx, limit=1, status=ClientRunStatus.RUNNING)
    return not live


def _violations(agency: Agency, run_id: str, size: int) -> int:
    """Count what is not as it must be: ends, sums, leads paid for twice or not at all."""
    job = agency.call(f"/api/jobs/{run_id}")["job"]
    happened = agency.sandbox.ledger()
    sent = Counter(happened.starts_by_target())
    metrics = job["metrics"]
    wrong = [
        job["status"] != "Completed",
        len(job["clients"]) != size,
        any(run["status"] != "Completed" for run in job["clients"]),
        len(sent) != size * LEADS,
        any(times != 1 for times in sent.values()),
        metrics["profilesSubmitted"] != size * LEADS,
        metrics["actorRuns"] != len(happened.starts),
        round(metrics["apifyCostUsd"], 6) != round(happened.charged_usd, 6),
        metrics["postsHarvested"] != sum(run["metrics"]["postsHarvested"] for run in job["clients"]),
    ]
    return sum(wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show a table. Exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, nargs="+", default=[10, 100])
    sizes = parser.parse_args(arguments).clients
    table = Table(
        "Clients", "Call", "Call, each", "All done", "Each", "Over the first", "Web", "Worker", "Wrong"
    )
    good, first = True, 0.0
    for size in sizes:
        found = measured(size)
        each = found.seconds / size
        first = first or each
        good &= not found.violations and max(found.web_mb, found.worker_mb) <= MOST_MB
        good &= each <= MOST_GROWTH * first
        table.add_row(
            f"{size}",
            f"{found.call_seconds:.2f} s",
            f"{found.call_seconds / size * 1000:.1f} ms",
            f"{found.seconds:.1f} s",
            f"{each * 1000:.0f} ms",
            f"{each / first:.2f} x",
            f"{found.web_mb:.0f} MB",
            f"{found.worker_mb:.0f} MB",
            f"{found.violations}",
        )
    Console(width=120).print(table)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
