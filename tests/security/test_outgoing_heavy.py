"""What a process may take, and what becomes of a worker that is given more than that."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from factories import make_client
from flow.processes import process
from flow.proxy import Proxy, Reply
from flow.stage import APIFY_TOKEN, FINAL, call
from flow.test_memory import peak

from harvester.sandbox.apify import SandboxApify
from harvester.settings import Settings
from services import Services, build
from services.kickoff import Order

from .test_outgoing_calls import MEGABYTE, bomb

T = TypeVar("T")
_TAKES = """
import sys
from harvester import memory
memory.limit(int(sys.argv[1]))
try:
    taken = bytearray(int(sys.argv[2]) * 2**20)
except MemoryError:
    sys.exit(3)
"""


@pytest.mark.parametrize(("limit", "code"), [(256, 3), (512, 0), (0, 0)])
def test_a_worker_has_no_more_memory_than_it_may(limit: int, code: int) -> None:
    """Beyond, Python says so; 0 is no limit."""
    done = subprocess.run([sys.executable, "-c", _TAKES, str(limit), "300"], timeout=30)
    assert done.returncode == code


def test_a_lower_limit_from_outside_stays() -> None:
    """Such as that of a service manager."""
    outside = "import resource; resource.setrlimit(resource.RLIMIT_DATA, (200 * 2**20,) * 2)\n"
    done = subprocess.run([sys.executable, "-c", outside + _TAKES, "512", "300"], timeout=30)
    assert done.returncode == 3


@contextmanager
def built(settings: Settings) -> Iterator[Services]:
    services = build(settings)
    try:
        yield services
    finally:
        services.close()


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_bomb_costs_its_own_harvest_and_no_other(tmp_path: Path) -> None:
    """Even where answers may be larger than memory: the page is given up, the worker and the others live."""
    packed = bomb(700)
    url = f"sqlite:///{tmp_path}/ledger.db"

    def spoilt(_method: str, path: str, reply: Reply) -> Reply:
        if "/items" not in path or not bombed or bombed[0] not in path:
            return reply
        return replace(reply, status=200, headers={"Content-Encoding": "gzip"}, body=packed)

    bombed: list[str] = []
    given = {"worker_memory_mb": 512, "apify_answer_mb": 2_000, "retry_base_seconds": 0.02}
    with (
        SandboxApify(token=APIFY_TOKEN, time_scale=1200.0, run_seconds=0.5) as sandbox,
        closing(Proxy(sandbox.url)) as proxy,
        process("worker", tmp_path, url, apify_api_url=proxy.url, reconcile_seconds=0.5, **given) as worker,
        built(worker.settings) as services,
    ):
        proxy.spoil = spoilt
        runs = {}
        for client_id in ("Bombed", "Healthy"):
            make_client(services.ledger, client_id)
            order = Order(client_id, target_urls=["https://www.linkedin.com/in/ann"])
            runs[client_id] = str(services.kickoff(order).client_run_id)
            if client_id == "Bombed":
                bombed.append(dataset(sandbox))
        ended = {client_id: over(services, full_id) for client_id, full_id in runs.items()}
        assert ended["Healthy"]["status"] == "Completed"
        assert ended["Bombed"]["status"] == "Failed"
        assert peak(worker.pid) < 512 * MEGABYTE
        os.kill(worker.pid, 0)  # it is the same one, and alive


def dataset(sandbox: SandboxApify) -> str:
    """Give the dataset of the first actor run, once there is one."""
    begun = until(lambda: sandbox.ledger().starts)[0]
    told = call("GET", f"{sandbox.url}/v2/actor-runs/{begun.run_id}", token=APIFY_TOKEN).json
    return str(told["data"]["defaultDatasetId"])


def over(services: Services, full_id: str) -> dict[str, Any]:
    """Give a client run once it has ended."""

    def found() -> dict[str, Any] | None:
        run = services.overview.run(full_id)
        return run if run is not None and run["status"] in FINAL else None

    return until(found)


def until(found: Callable[[], T | None]) -> T:
    """Wait for something to be there."""
    deadline = time.monotonic() + 120
    while not (seen := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return seen
