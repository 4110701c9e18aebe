"""A worker that dies at a given point, in a process of its own: run by `test_crash_sweep.py`.

It reads jobs from stdin, one JSON object a line, and forks a process for each: that one harvests until all is
over, or kills itself at its point. This process itself uses neither the ledger nor Apify, whose client does
not survive a fork; so a job costs no start of an interpreter.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from harvester.apify import Apify
from harvester.ledger import Ledger, Tx
from harvester.settings import load
from services import build

from .scripts import SCRIPTS

CRASHED = 70
OVER = 0
NOT_OVER = 1
#: Every call to Apify that there is, those that are added one day included.
_CALLS = [name for name, call in vars(Apify).items() if inspect.isfunction(call) and name[0] != "_"]
#: Seconds; more than the lease, the time of a wake-up and the search for a lost start together.
LATER = 30.0


class Points:
    """Counts the points at which a process may die, and lets it die at one of them."""

    def __init__(self, deadly: int | None) -> None:
        self.passed: list[str] = []
        self._deadly = deadly

    def __call__(self, name: str) -> None:
        """Pass a point, or die there with nothing flushed and nothing closed."""
        self.passed.append(name)
        if len(self.passed) == self._deadly:
            os._exit(CRASHED)


def _around_commits(points: Points) -> None:
    original: Callable[..., AbstractContextManager[Tx]] = Ledger.write

    @contextmanager
    def write(self: Ledger, **how: Any) -> Iterator[Tx]:
        with original(self, **how) as tx:
            yield tx
            points("before a commit")
        points("after a commit")

    Ledger.write = write  # type: ignore[method-assign]


def _around_calls(points: Points) -> None:
    for name in _CALLS:
        setattr(Apify, name, _between(points, name, getattr(Apify, name)))


def _between(points: Points, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        points(f"before {name}")
        answer = call(*args, **kwargs)
        if inspect.isgeneratorfunction(call):
            answer = iter(list(answer))
        points(f"after {name}")
        return answer

    return called


def harvest(environ: dict[str, str], script: str, deadly: int | None, later: float) -> tuple[int, list[str]]:
    """Do what the script says until all is over. Gives the exit code and the points passed.

    The clock is `later` seconds ahead: whoever comes after a crash need not wait for its lease to run out.
    """
    points = Points(deadly)
    ahead = timedelta(seconds=later)
    services = build(load(environ, env_file=None), clock=lambda: datetime.now(UTC) + ahead)
    _around_commits(points)
    _around_calls(points)
    try:
        return (OVER if SCRIPTS[script](services) else NOT_OVER), points.passed
    finally:
        services.close()


def _forked(job: dict[str, Any], log: str) -> int:
    """Fork a process that does a job. Gives its ID."""
    child = os.fork()
    if child:
        return child
    code = NOT_OVER
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(output, 2)
        later = LATER if job.get("crashed") else 0.0
        code, passed = harvest(job["environ"], job["script"], job["deadly"], later)
        os.write(output, ("\n" + json.dumps(passed)).encode())
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Do the jobs that stdin brings, `argv[1]` at a time, each to its end: a crash, then a recovery."""
    at_once, waiting = int(sys.argv[1]), [json.loads(line) for line in sys.stdin]
    working: dict[int, dict[str, Any]] = {}
    while waiting or working:
        while waiting and len(working) < at_once:
            job = waiting.pop(0)
            working[_forked(job, job["log"])] = job
        child, status = os.wait()
        job, code = working.pop(child), os.waitstatus_to_exitcode(status)
        if code == CRASHED and job["deadly"] is not None:
            waiting.insert(0, job | {"deadly": None, "crashed": True})
            continue
        print(
            json.dumps({"name": job["name"], "code": code, "crashed": job.get("crashed", False)}), flush=True
        )


if __name__ == "__main__":
    main()
