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

from harvester.ledger import Ledger, activity
from harvester.sandbox.apify import SandboxApify

from .agency import AGENCY, MARKER_KEY, SANDBOX_TOKEN, found, harvested, sandbox, wrongs
from .scripts import CLIENT

TESTS = Path(__file__).parent.parent
#: What a dead worker leaves behind is passed over by `LATER` and not waited for. So those timers can be long,
#: as a busy machine wants them: a start whose answer is late is no lost one.
TIMERS = {
    "TICK_SECONDS": 0.02,
    "RECONCILE_SECONDS": 0.15,
    "UNKNOWN_START_SECONDS": 12,
    "RETRY_BASE_SECONDS": 0.05,
    "LEASE_SECONDS": 11,
    "APIFY_TIMEOUT_SECONDS": 10,
    "COST_SETTLE_SECONDS": 0.1,
    "ITEMS_LAG_SECONDS": 1,
    "NOT_NOW_SECONDS": 0.1,
    "QUEUED_SECONDS": 0.3,
}
#: A harvest waits far more than it works.
AT_ONCE = 10
#: What is timed differs a little from one harvest to another: how often Apify is asked whether an actor run
#: has ended, how often for a dataset that lags behind. So several are counted: each point of the longest is
#: tried, and at least this share of the shortest's must be reached. The others end before they reach theirs.
#: As many at once as of those that die: on a busy machine each of them asks less often.
UNDISTURBED = tuple(f"undisturbed-{n}" for n in range(AT_ONCE))
REACHED = 0.9


#: How long an actor run takes: one that is cancelled must be at work still.
RUN_SECONDS = {"day": 0.1, "ends": 1.5}
CLIENTS = {"day": tuple(AGENCY), "ends": (CLIENT,)}
#: Points that each must pass.
PASSED = {
    "day": {"before a commit", "after start", "before run", "after items"},
    "ends": {"before a commit", "after start", "before abort", "after abort", "after items"},
}


@pytest.fixture
def apify(script: str) -> Iterator[SandboxApify]:
    with sandbox(time_scale=1_000, run_seconds=RUN_SECONDS[script]) as started:
        yield started


def brought(script: str, ledger: Ledger) -> Any:
    """Give what must be the same as of those that nobody has disturbed.

    How much an actor run finds before it is aborted is chance; that everybody is answered is not.
    """
    everything = harvested(ledger)
    if script == "day":
        return everything
    return {url: status for url, (status, _) in everything[CLIENT]["leads"].items()}


def job(name: str, script: str, url: str, apify_url: str, folder: Path, deadly: int | None) -> dict[str, Any]:
    environ = environment(
        DATABASE_URL=url, QUEUE_URL="", APIFY_API_URL=apify_url, APIFY_TOKEN=SANDBOX_TOKEN, **TIMERS
    )
    log = str(folder / f"{name}.log")
    return {"name": name, "script": script, "environ": environ, "deadly": deadly, "log": log}


def done(jobs: list[dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """Have jobs done, and give what came of each by its name."""
    ended = subprocess.run(
        [sys.executable, "-m", "crash.doomed", str(AT_ONCE)],
        input="\n".join(map(json.dumps, jobs)),
        env=environment(PYTHONPATH=TESTS),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=400,
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

    @property
    def step(self) -> int:
        """Of how many points one is tried: which database it is matters little to most of them."""
        return 1 if self._postgres is None else 3

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


@pytest.fixture(params=["sqlite", "postgresql"])
def ledgers(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path) -> Iterator[Ledgers]:
    postgres = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with ExitStack() as open_:
        yield Ledgers(tmp_path, migrated_file, postgres, open_)


def passed(folder: Path, name: str) -> list[str]:
    """Give the points that a harvest passed, from its log."""
    points = json.loads((folder / f"{name}.log").read_text().splitlines()[-1])
    assert isinstance(points, list)
    return points


@pytest.mark.slow
@pytest.mark.timeout(500)
@pytest.mark.parametrize("script", ["day", "ends"])
def test_whatever_point_a_worker_dies_at_the_next_one_finishes(
    script: str, ledgers: Ledgers, tmp_path: Path, apify: SandboxApify
) -> None:
    def jobs(of: dict[str, str]) -> list[dict[str, Any]]:
        deadly = {name: int(name) if name.isdigit() else None for name in of}
        return [job(name, script, url, apify.url, tmp_path, deadly[name]) for name, url in of.items()]

    urls = {name: ledgers.fresh(name) for name in UNDISTURBED}
    answers = done(jobs(urls), tmp_path)
    for name in UNDISTURBED:
        assert answers[name]["code"] == 0, (tmp_path / f"{name}.log").read_text()
    shortest, *_, longest = sorted((passed(tmp_path, name) for name in UNDISTURBED), key=len)
    assert PASSED[script] <= set(longest)

    begun = time.monotonic()
    numbered = {f"{n:03}": ledgers.fresh(f"{n:03}") for n in range(1, len(longest) + 1, ledgers.step)}
    answers |= done(jobs(numbered), tmp_path)
    urls |= numbered

    starts = Counter(apify.ledger().starts_by(MARKER_KEY))
    with opened(urls[UNDISTURBED[0]]) as ledger:
        expected = brought(script, ledger)
    found_wrong = {}
    for name, url in urls.items():
        wrong = wrongs_of(script, url, answers[name], starts, expected)
        if wrong:
            point = longest[int(name) - 1] if name.isdigit() else ""
            found_wrong[f"{name} {point}"] = [*wrong, (tmp_path / f"{name}.log").read_text()[-3_000:]]
    assert not found_wrong, json.dumps(found_wrong, indent=1)
    crashed = [name for name in urls if answers[name]["crashed"]]
    print(f"{len(crashed)} of {len(numbered)} points, {time.monotonic() - begun:.0f} s")
    assert len(crashed) >= REACHED * len(shortest) / ledgers.step - 1, (
        "too few died: harvests differ too much"
    )


def wrongs_of(
    script: str, url: str, answer: dict[str, Any], starts: Counter[str], expected: Any
) -> list[str]:
    """Name what is wrong with a harvest that is over, or should be."""
    with opened(url) as ledger:
        wrong = wrongs(ledger, starts, CLIENTS[script])
        if answer["code"] != 0:
            wrong.append("it was never over")
        elif brought(script, ledger) != expected:
            wrong.append(f"it brought {brought(script, ledger)}, not {expected}")
        # None, where the actor run was over before anybody cancelled it, and everybody had an answer.
        if any(count > 1 for count in said(ledger)):
            wrong.append(f"a cancel and a retry were noted so often: {said(ledger)}")
    return wrong


def said(ledger: Ledger) -> list[int]:
    """Count what a person has asked for and was done."""
    with ledger.read() as tx:
        return [activity.count(tx, name)[0] for name in ("cancel", "retry")]
