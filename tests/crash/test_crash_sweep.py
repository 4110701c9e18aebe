"""A worker dies before and after every outside call and every commit; the next one finishes all the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cli.processes import environment
from factories import opened
from postgres import Postgres

from harvester.sandbox.apify import SandboxApify

from .agency import MARKER_KEY, SANDBOX_TOKEN, found, harvested, sandbox, wrongs

TESTS = Path(__file__).parent.parent
TIMERS = {
    "TICK_SECONDS": 0.02,
    "RECONCILE_SECONDS": 0.15,
    "UNKNOWN_START_SECONDS": 0.6,
    "RETRY_BASE_SECONDS": 0.05,
    "LEASE_SECONDS": 1.0,
    "APIFY_TIMEOUT_SECONDS": 0.9,
    "COST_SETTLE_SECONDS": 0.1,
    "ITEMS_LAG_SECONDS": 1,
    "NOT_NOW_SECONDS": 0.1,
    "QUEUED_SECONDS": 0.3,
}
#: A harvest waits far more than it works.
AT_ONCE = 10
#: On PostgreSQL every third point is tried: a database takes longer to make than a file.
STEP = {"sqlite": 1, "postgresql": 3}


@pytest.fixture
def apify() -> Iterator[SandboxApify]:
    with sandbox(time_scale=1_000, run_seconds=0.1) as started:
        yield started


def job(name: str, url: str, apify_url: str, folder: Path, deadly: int | None) -> dict[str, Any]:
    environ = environment(
        DATABASE_URL=url, QUEUE_URL="", APIFY_API_URL=apify_url, APIFY_TOKEN=SANDBOX_TOKEN, **TIMERS
    )
    return {"name": name, "environ": environ, "deadly": deadly, "log": str(folder / f"{name}.log")}


def done(jobs: list[dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Have jobs done, and give what came of each by its name."""
    ended = subprocess.run(
        [sys.executable, "-m", "crash.doomed", str(AT_ONCE)],
        input="\n".join(map(json.dumps, jobs)),
        env=environment(PYTHONPATH=TESTS),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert ended.returncode == 0, ended.stderr
    return {answer["name"]: answer for answer in map(json.loads, ended.stdout.splitlines())}


class Ledgers:
    """Fresh ledgers with the agency in them, as many as are asked for."""

    def __init__(self, folder: Path, migrated: Path, postgres: Postgres | None, open_: ExitStack) -> None:
        self._folder = folder
        self._migrated = migrated
        self._postgres = postgres
        self._open = open_

    def fresh(self, name: str) -> str:
        """Make one, and give its URL."""
        url = self._url(name)
        with opened(url) as ledger:
            found(ledger, batch_size=3, leads_each=3)
        return url

    def _url(self, name: str) -> str:
        if self._postgres is not None:
            return self._open.enter_context(self._postgres.migrated())
        return f"sqlite:///{shutil.copyfile(self._migrated, self._folder / f'{name}.db')}"


@pytest.fixture(params=STEP)
def ledgers(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Iterator[Ledgers]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with ExitStack() as open_:
        yield Ledgers(tmp_path, migrated_file, postgres, open_)


@pytest.mark.slow
def test_whatever_point_a_worker_dies_at_the_next_one_finishes(
    ledgers: Ledgers, request: pytest.FixtureRequest, tmp_path: Path, apify: SandboxApify
) -> None:
    urls = {"undisturbed": ledgers.fresh("undisturbed")}
    answers = done([job("undisturbed", urls["undisturbed"], apify.url, tmp_path, None)], tmp_path)
    assert answers["undisturbed"]["code"] == 0, (tmp_path / "undisturbed.log").read_text()
    points = json.loads((tmp_path / "undisturbed.log").read_text().splitlines()[-1])
    assert {"before a commit", "after start", "before run", "after items"} <= set(points)

    begun = time.monotonic()
    step = STEP[request.node.callspec.params["ledgers"]]
    numbers = range(1, len(points) + 1, step)
    urls |= {f"{number:03}": ledgers.fresh(f"{number:03}") for number in numbers}
    jobs = [job(name, url, apify.url, tmp_path, int(name)) for name, url in urls.items() if name.isdigit()]
    answers |= done(jobs, tmp_path)

    starts = Counter(apify.ledger().starts_by(MARKER_KEY))
    with opened(urls["undisturbed"]) as ledger:
        expected = harvested(ledger)
    found_wrong = {}
    for name, url in urls.items():
        with opened(url) as ledger:
            wrong = wrongs(ledger, starts)
            if answers[name]["code"] != 0:
                wrong.append("it was never over")
            elif harvested(ledger) != expected:
                wrong.append(f"it brought {harvested(ledger)}, not {expected}")
        if wrong:
            point = points[int(name) - 1] if name.isdigit() else ""
            found_wrong[f"{name} {point}"] = [*wrong, (tmp_path / f"{name}.log").read_text()[-3_000:]]
    assert not found_wrong, json.dumps(found_wrong, indent=1)
    crashed = [name for name, answer in answers.items() if answer["crashed"]]
    print(f"{len(crashed)} of {len(points)} points, {time.monotonic() - begun:.0f} s")
    assert len(crashed) >= 0.9 * len(numbers), (
        "too few died: the points of a harvest are not the same each time"
    )
