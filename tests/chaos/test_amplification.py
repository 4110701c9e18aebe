"""An outage of Apify costs hardly more calls: nobody asks again and again what cannot be answered."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest
from cli.processes import until
from factories import opened
from postgres import Postgres

from harvester.ledger import Ledger
from harvester.sandbox.apify import Fault
from services.overview import Overview

from . import story
from .apify import TOKEN, UnreliableApify
from .callers import called
from .fleet import Fleet, fleet

#: A minute is two seconds here: the defaults of all timers that matter, divided.
SCALE = 30
OUTAGE_SECONDS = 60 / SCALE
TIMERS = {
    "TICK_SECONDS": 0.05,
    "RECONCILE_SECONDS": 300 / SCALE,
    "UNKNOWN_START_SECONDS": 900 / SCALE,
    "RETRY_BASE_SECONDS": 1 / SCALE,
    "COST_SETTLE_SECONDS": 10 / SCALE,
    "ITEMS_LAG_SECONDS": 300 / SCALE,
    "NOT_NOW_SECONDS": 10 / SCALE,
    "LOOK_AGAIN_SECONDS": 0.5,  # not divided: steps take as long here as anywhere
    "QUEUED_SECONDS": 25 / SCALE,
    "WORKER_THREADS": 8,
    "MAX_ACTOR_RUNS": 60,
}
CLIENTS = tuple(f"Client-{number}" for number in range(1, 41))
#: Calls for each call that is needed.
MOST = 1.1


def calls_of_a_harvest(url: str, folder: Path, outage: Fault | None) -> Counter[str]:
    """Harvest for every client, with an outage when a sixth is done; count what Apify was called for."""
    roomy = {"max_concurrent_runs": 100, "max_memory_gbytes": 1_000.0}
    apify = UnreliableApify(5, time_scale=SCALE, run_seconds=1.0, **roomy)
    with opened(url) as ledger, apify:
        story.found(ledger, CLIENTS, due_leads=8)
        environ = {**TIMERS, "DATABASE_URL": url, "APIFY_API_URL": apify.url, "APIFY_TOKEN": TOKEN}
        with fleet(folder, environ, webs=1) as processes:
            with ThreadPoolExecutor(8) as callers:
                for ordered in [callers.submit(order, processes, client_id) for client_id in CLIENTS]:
                    ordered.result()
            if outage is not None:
                until(lambda: states(ledger)["ingested"] >= 20, 60, processes.told)
                print(f"it begins with {dict(states(ledger))}")
                apify.faults = [outage]
                time.sleep(OUTAGE_SECONDS)
                apify.faults = []
            until(lambda: states(ledger)["ingested"] == sum(states(ledger).values()), 80, processes.told)
        return Counter(apify.ledger().calls)


def order(processes: Fleet, client_id: str) -> None:
    """Order four batches, until it is answered."""
    body = orjson.dumps({"clientId": client_id, "maxBatchesOverride": 4})
    path, key = "/api/apify/process-client", {"Idempotency-Key": client_id}
    until(lambda: called(processes.url + path, body, key)[0] == 202, 60, processes.told)


def states(ledger: Ledger) -> Counter[str]:
    """Count the batches by state."""
    return Counter(Overview(ledger).counters()["actor_runs"])


@pytest.mark.slow
def test_a_minute_without_apify_costs_a_tenth_more_calls_at_the_most(
    postgres: Postgres, tmp_path: Path
) -> None:
    counts = []
    for outage in (None, Fault(kind="server-error", status=503)):
        with postgres.migrated() as url:
            counts.append(calls_of_a_harvest(url, tmp_path, outage))
    needed, made = (sum(count.values()) for count in counts)
    told = f"{made} calls where {needed} are needed: {counts[1] - counts[0]} more"
    print(told)
    assert made <= MOST * needed, told
