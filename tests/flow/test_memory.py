"""The memory of a real worker does not grow with the dataset, nor does the time that an item takes."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from factories import make_client
from sqlalchemy import func, select

from harvester.ledger import tables
from harvester.sandbox.apify import SandboxApify
from services import Services, build
from services.kickoff import Order

from .processes import process
from .stage import APIFY_TOKEN, FINAL

MANY = 200_000
MEGABYTE = 1024 * 1024
pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]

#: Seconds since the worker was started, and the items that it had stored by then.
Progress = list[tuple[float, int]]


def ingested(folder: Path, items: int) -> tuple[int, Progress]:
    """Let a worker process ingest so many items. Gives its greatest memory in bytes, and its progress."""
    folder.mkdir()
    url = f"sqlite:///{folder}/ledger.db"
    money = {"apify_max_charge_usd": 100_000, "daily_budget_usd": 100_000}
    with (
        SandboxApify(token=APIFY_TOKEN, time_scale=1200.0, run_seconds=0.2) as sandbox,
        process("worker", folder, url, apify_api_url=sandbox.url, reconcile_seconds=0.5, **money) as worker,
    ):
        services = build(worker.settings)
        try:
            make_client(services.ledger)
            profile = f"https://www.linkedin.com/in/bulk-{items}"
            answer = services.kickoff(Order("Guy-Wilson", target_urls=[profile]))
            progress = watched(services, str(answer.client_run_id))
            with services.ledger.read() as tx:
                stored = tx.execute(select(func.count()).select_from(tables.posts)).scalar_one()
            assert stored == items, worker.log.read_text()[-2_000:]
            return peak(worker.pid), progress
        finally:
            services.close()


def watched(services: Services, full_id: str) -> Progress:
    """Look at a client run until it is over."""
    started, progress = time.monotonic(), []
    while True:
        run = services.overview.run(full_id)
        assert run is not None
        progress.append((time.monotonic() - started, run["actorRuns"][0]["items"]))
        if run["status"] in FINAL:
            assert run["status"] == "Completed", run
            return progress
        assert progress[-1][0] < 240, run
        time.sleep(0.05)


def peak(pid: int) -> int:
    """Give the greatest memory that a process ever had, in bytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found.group(1)) * 1024


def seconds_between(progress: Progress, first: float, last: float) -> float:
    """Tell how long the items took from one part of them to another, such as from 0.0 to 0.25."""
    reached = [next(at for at, items in progress if items >= max(1, part * MANY)) for part in (first, last)]
    return reached[1] - reached[0]


def test_memory_and_time_do_not_grow(tmp_path: Path) -> None:
    few, _ = ingested(tmp_path / "few", 1_000)
    many, progress = ingested(tmp_path / "many", MANY)
    assert many - few < 60 * MEGABYTE, f"{few / MEGABYTE:.0f} MB, then {many / MEGABYTE:.0f} MB"
    early, late = seconds_between(progress, 0.05, 0.3), seconds_between(progress, 0.75, 1.0)
    assert late < 3 * early, f"a quarter took {early:.1f} s in the beginning, {late:.1f} s in the end"
