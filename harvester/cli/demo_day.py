"""The demo's day of an agency: all clients in one call, a pause, a budget, a failure, and smart resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.live import Live

from harvester.cli import demo_day_display as display
from harvester.cli import demo_day_sums
from harvester.cli.children import Children
from harvester.cli.demo_day_agency import CLIENTS, FAILING, PAUSED
from harvester.cli.demo_web import call, call_sandbox
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus

_PATIENCE_SECONDS = 120


def lived(children: Children, console: Console) -> bool:
    """Live the day. True if everything ended as it must, and every number adds up."""
    day = _Day(children, console)
    day.morning()
    day.noon()
    day.evening()
    return day.sums()


class _Day:
    def __init__(self, children: Children, console: Console) -> None:
        self._children = children
        self._environ = children.environ
        self._console = console
        self._jobs: list[str] = []
        self._shown: set[tuple[str, str]] = set()

    def morning(self) -> None:
        """Pause one client, let another one's actor runs fail, and start everybody."""
        self._say(f"Starts of {PAUSED.client_id} are paused; actor runs of {FAILING.client_id} will fail.")
        self._call(
            "/api/starts/pause", {"clientId": PAUSED.client_id, "reason": "its leads are being tidied up"}
        )
        call_sandbox(self._environ, "/sandbox/faults", body=[{"kind": "run-fail", "match": FAILING.mark}])
        self._start("All clients, in one call", "/api/apify/process")
        self._watch(lambda job: _live(job) <= {PAUSED.client_id})

    def noon(self) -> None:
        """Lift the pause: the job run ends with the last client run."""
        self._say(f"The pause of {PAUSED.client_id} is lifted.")
        self._call("/api/starts/resume", {"clientId": PAUSED.client_id})
        self._watch(_has_ended)

    def evening(self) -> None:
        """The failure is mended: smart resume goes over the stream, and continues what is missing."""
        call_sandbox(self._environ, "/sandbox/faults", body=[])
        self._say(f"What made {FAILING.client_id} fail is mended.")
        stream = FAILING.stream
        self._start(f"Smart resume of stream {stream}", f"/api/smart-resume?stream={stream}")
        self._watch(_has_ended)

    def sums(self) -> bool:
        """Compare what the API tells with itself, and with what the sandbox charged."""
        jobs = [self._job(run_id) for run_id in self._jobs]
        for job in jobs:
            self._console.print(display.ended(job))
        wrong, checked = demo_day_sums.differences(self._environ, jobs)
        display.verdict(self._console, wrong, checked)
        return not wrong

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def _call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return call(self._environ, path, body=body)

    def _start(self, what: str, path: str) -> None:
        answer = self._call(path, {})
        self._jobs.append(str(answer["runId"]))
        self._say(f"{what}: job run {answer['runId']}")
        for one in answer.get("clients", []):
            if one.get("skipped"):
                self._say(f"  {one['clientId']} is skipped: {one['reason']}")

    def _job(self, run_id: str) -> dict[str, Any]:
        job: dict[str, Any] = call(self._environ, f"/api/jobs/{run_id}")["job"]
        job["clients"] = [
            call(self._environ, f"/api/runs/{run['clientRunId']}")["run"] for run in job["clients"]
        ]
        return job

    def _watch(self, enough: Callable[[dict[str, Any]], bool]) -> None:
        """Show how the newest job run gets on, until it has come so far. Raises `HarvesterError`."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        with Live(console=self._console, refresh_per_second=4, transient=True) as live:
            while True:
                self._children.check()
                job = self._job(self._jobs[-1])
                live.update(display.progress(job))
                if not self._console.is_terminal:
                    display.print_changes(self._console, job, self._shown)
                if enough(job):
                    return
                if time.monotonic() > deadline:
                    raise HarvesterError(
                        f"job run {job['runId']} got no further within {_PATIENCE_SECONDS} s"
                    )
                time.sleep(0.4)


def _live(job: dict[str, Any]) -> set[str]:
    everybody = {one.client_id for one in CLIENTS}
    return {run["clientId"] for run in job["clients"] if not run["finishedAt"]} & everybody


def _has_ended(job: dict[str, Any]) -> bool:
    return bool(job["status"] != ClientRunStatus.RUNNING)
