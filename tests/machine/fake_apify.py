"""Apify in memory, for the state machine: it keeps the truth, and can be told to fail around it.

It speaks the gateway's language, not HTTP; `tests/test_apify.py` and the sandbox prove that language. It
does what the services use and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from harvester.apify import Apify, Page
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import Gone, NotNow, Refused, StartUnknown, Unavailable


class Crash(BaseException):
    """The process died here. Nothing in the services may catch it."""


@dataclass
class FakeRun:
    """An actor run as Apify knows it."""

    facts: ApifyRun
    marker: str
    token: str
    targets: list[str]
    items: list[Any] = field(default_factory=list)


class FakeApify(Apify):
    """Starts runs, ends them when told, and counts what was asked of it."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(token="unused", api_url="http://127.0.0.1:9", timeout_seconds=1)
        self.clock = clock
        self.runs: dict[str, FakeRun] = {}
        self.outage = False
        #: What happens to the next start: `lost`, `refused`, `not_now`, `crash_before`, `crash_after`.
        self.next_start: str | None = None
        #: Calls until the process dies; None: never.
        self.crash_in: int | None = None

    def start(
        self,
        actor_id: str,
        run_input: Mapping[str, Any],
        *,
        marker: str,
        max_charge_usd: Decimal,
        run_timeout_seconds: float,
        webhook_url: str,
        webhook_token: str,
    ) -> ApifyRun:
        """Start a run, or fail as told."""
        fault, self.next_start = self.next_start, None
        self._called()
        if fault == "refused":
            raise Refused("no such actor", code="actor-not-found")
        if fault == "not_now":
            raise NotNow("memory is used up")
        if fault == "crash_before":
            raise Crash
        run = self._new(marker, webhook_token, list(run_input["targetUrls"]))
        if fault == "crash_after":
            raise Crash
        if fault == "lost":
            raise StartUnknown("the answer was lost")
        return run.facts

    def _new(self, marker: str, token: str, targets: list[str]) -> FakeRun:
        number = len(self.runs) + 1
        facts = ApifyRun(
            id=f"run{number:014}",
            actor_id="actor",
            user_id="user",
            dataset_id=f"data{number:013}",
            key_value_store_id=f"store{number:012}",
            status="RUNNING",
            status_message=None,
            started_at=self.clock(),
            finished_at=None,
            resurrections=0,
            cost_micros=0,
        )
        self.runs[facts.id] = FakeRun(facts, marker, token, targets)
        return self.runs[facts.id]

    def run(self, apify_run_id: str) -> ApifyRun:
        """Read a run."""
        self._called()
        return self._known(apify_run_id).facts

    def runs_since(self, actor_id: str, started_after: datetime) -> Iterator[ApifyRun]:
        """List runs, newest first."""
        self._called()
        for run in reversed(self.runs.values()):
            if run.facts.started_at is not None and run.facts.started_at >= started_after:
                yield run.facts

    def marker_of(self, run: ApifyRun) -> str | None:
        """Read a run's marker."""
        self._called()
        return self._known(run.id).marker

    def items(self, dataset_id: str, *, offset: int, limit: int) -> Page:
        """Read items, three at a time, so that a small dataset has pages."""
        self._called()
        found = next(run for run in self.runs.values() if run.facts.dataset_id == dataset_id)
        return Page(found.items[offset : offset + 3], offset, len(found.items))

    def end(self, apify_run_id: str, status: str, items: list[Any]) -> None:
        """End a run with these items more, each of which costs."""
        run = self._known(apify_run_id)
        run.items += items
        cost = 50 + 2_000 * len(run.items)
        run.facts = replace(run.facts, status=status, finished_at=self.clock(), cost_micros=cost)

    def resurrect(self, apify_run_id: str) -> None:
        """Set an ended run going again."""
        run = self._known(apify_run_id)
        again = run.facts.resurrections + 1
        run.facts = replace(run.facts, status="RUNNING", finished_at=None, resurrections=again)

    def _known(self, apify_run_id: str) -> FakeRun:
        if apify_run_id not in self.runs:
            raise Gone("no such run")
        return self.runs[apify_run_id]

    def _called(self) -> None:
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.crash_in = None
                raise Crash
        if self.outage:
            raise Unavailable("Apify is down")
