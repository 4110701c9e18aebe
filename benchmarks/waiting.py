"""What it costs to wait: processor time of web and worker together while client runs wait for webhooks."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from agency import Agency, at_work, until

from harvester.ledger import actor_runs

#: What is asked for: the share of one core, of both processes together.
MOST_SHARE = 0.01
_STARTED_WITHIN = 900


def _running(agency: Agency) -> int:
    with agency.ledger.read() as tx:
        return actor_runs.count_by_state(tx).get("running", 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure with none waiting and with many, and say both. Exit code 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args(arguments)
    endless = {"run_seconds": 3_600, "max_concurrent_runs": 10_000, "max_memory_gbytes": 10_000}
    with at_work(given.clients, 1, sandbox=endless, MAX_ACTOR_RUNS="10000") as agency:
        time.sleep(5)
        floor = _share(agency, given.seconds / 2)
        agency.call("/api/apify/process", {})
        until(agency, lambda: _running(agency) == given.clients, seconds=_STARTED_WITHIN)
        time.sleep(5)
        share = _share(agency, given.seconds)
    print(f"{given.clients} client runs waiting: {share:.2%} of a core; none waiting: {floor:.2%}")
    return 0 if share <= MOST_SHARE else 1


def _share(agency: Agency, seconds: float) -> float:
    before = agency.cpu_seconds()
    time.sleep(seconds)
    return (agency.cpu_seconds() - before) / seconds


if __name__ == "__main__":
    sys.exit(main())
