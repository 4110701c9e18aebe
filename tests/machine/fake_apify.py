"""Apify in memory, for the state machine: it keeps the truth, and can be told to fail around it.

It speaks the gateway's language, not HTTP; `tests/test_apify.py` and the sandbox prove that language. It
does what the services use and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from harvester.apify import Apify, Page
from harvester.apify_answers import AccountLimits, ApifyRun
from harvester.apify_errors import BadAnswer, Gone, NotNow, Refused, StartUnknown, Unavailable

from .workers import Crash, Points

#: Items that one call gives, so that a small dataset has pages.
PAGE_ITEMS = 3
#: For so long a dataset may give out less than it counts.
LAG = timedelta(seconds=60)
#: What an actor run costs, and each of its items, in millionths of a USD.
RUN_MICROS, ITEM_MICROS = 50, 2_000


@dataclass(frozen=True)
class Webhook:
    """One dispatch: it may arrive late, never, or again and again."""

    run_id: str
    event: str
    token: str
    dispatch_id: str


@dataclass
class FakeRun:
    """An actor run as Apify knows it."""

    facts: ApifyRun
    marker: str
    token: str
    targets: list[str]
    #: What it may cost at the most, in millionths of a USD.
    cap: int
    items: list[Any] = field(default_factory=list)
    #: Items that it gives out for now, and until when it is only so many.
    shown: int = 0
    whole_at: datetime | None = None
    #: A person started it in Apify Console: it is none of ours.
    foreign: bool = False
    #: What Apify answers about its dataset, or about the run itself, is damaged.
    poison: str | None = None
    #: A worker had been robbed of its row while it was about to send this start.
    late: bool = False
    #: The row that it was started for, its client, and when the start was written down.
    row_id: int | None = None
    client_id: str = ""
    reserved_at: datetime | None = None

    @property
    def batch(self) -> str:
        """The marker of the batch that it was started for."""
        return self.marker.partition(".")[0]


class FakeApify(Apify):
    """Starts runs, ends them when told, and counts what was asked of it."""

    def __init__(self, clock: Callable[[], datetime], *, console_token: str) -> None:
        super().__init__(token="unused", api_url="http://127.0.0.1:9", timeout_seconds=1)
        self.clock = clock
        self.console_token = console_token
        self.runs: dict[str, FakeRun] = {}
        self.sent: list[Webhook] = []
        self.outage = False
        #: What happens to the next start: `lost`, `refused`, `not_now`, `crash_before`, `crash_after`.
        self.next_start: str | None = None
        #: Those of the worker that asks now.
        self.points = Points()
        #: Told of each start right before its effect.
        self.on_start: Callable[[FakeRun], None] = lambda _run: None

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
        points, knew = self.points, self.points.robbed
        self._called("start")
        if fault == "refused":
            raise Refused("no such actor", code="actor-not-found")
        if fault == "not_now":
            raise NotNow("memory is used up")
        if fault == "crash_before":
            raise Crash
        cap = int(max_charge_usd * 1_000_000)
        run = FakeRun(self._facts(), marker, webhook_token, list(run_input["targetUrls"]), cap)
        run.late = points.robbed and not knew
        self.on_start(run)
        self.runs[run.facts.id] = run
        if fault == "crash_after":
            raise Crash
        if fault == "lost":
            raise StartUnknown("the answer was lost")
        points("after start")
        return run.facts

    def start_in_console(self, targets: list[str]) -> None:
        """Start a run as a person does in Apify Console, whose webhooks bear the static token."""
        run = FakeRun(self._facts(), "", self.console_token, targets, 1_000_000, foreign=True)
        self.runs[run.facts.id] = run

    def _facts(self) -> ApifyRun:
        number = len(self.runs) + 1
        return ApifyRun(
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

    def run(self, apify_run_id: str) -> ApifyRun:
        """Read a run."""
        self._called("run")
        run = self._known(apify_run_id)
        if run.poison == "run":
            raise BadAnswer("Apify's answer is no actor run")
        facts = run.facts
        self.points("after run")
        return facts

    def abort(self, apify_run_id: str, *, gracefully: bool = False) -> None:
        """Abort a run; what it has is kept."""
        self._called("abort")
        if not self._known(apify_run_id).facts.ended:
            self.end(apify_run_id, "ABORTED", [])
        self.points("after abort")

    def user(self) -> dict[str, Any]:
        """Read the account."""
        self._called("user")
        return {"id": "user"}

    def actor(self, actor_id: str) -> dict[str, Any]:
        """Read an actor."""
        self._called("actor")
        return {"id": "actor"}

    def limits(self) -> AccountLimits:
        """Read what the account may use."""
        self._called("limits")
        return AccountLimits(25, 16_384, 300_000_000, 0)

    def runs_since(self, actor_id: str, started_after: datetime) -> Iterator[ApifyRun]:
        """List runs, newest first."""
        self._called("runs_since")
        for run in list(reversed(self.runs.values())):
            if run.facts.started_at is not None and run.facts.started_at >= started_after:
                yield run.facts
        self.points("after runs_since")

    def marker_of(self, run: ApifyRun) -> str | None:
        """Read a run's marker."""
        self._called("marker_of")
        return self._known(run.id).marker or None

    def items(self, dataset_id: str, *, offset: int, limit: int) -> Page:
        """Read items, three at a time, so that a small dataset has pages."""
        self._called("items")
        found = next(run for run in self.runs.values() if run.facts.dataset_id == dataset_id)
        if found.poison == "items":
            raise BadAnswer("Apify's answer is no list of items")
        lags = found.whole_at is not None and self.clock() < found.whole_at
        given = found.items[: found.shown] if lags else found.items
        page = Page(given[offset : offset + PAGE_ITEMS], offset, len(found.items))
        self.points("after items")
        return page

    def end(
        self, apify_run_id: str, status: str, items: list[Any], *, lag: int = 0, swallows: bool = False
    ) -> None:
        """End a run with these items more, each of which costs, as far as its cap allows.

        The last `lag` come to be seen later. If it `swallows`, it charges nothing for targets without items.
        """
        run = self._known(apify_run_id)
        items = items[: max(0, (run.cap - RUN_MICROS) // ITEM_MICROS - len(run.items))]
        run.items += items
        run.shown, run.whole_at = len(run.items) - min(lag, len(items)), self.clock() + LAG
        cost = RUN_MICROS + ITEM_MICROS * len(run.items)
        charged = {"no-result": 0} if swallows else {}
        run.facts = replace(
            run.facts, status=status, finished_at=self.clock(), cost_micros=cost, charged=charged
        )
        self._fired(run, f"ACTOR.RUN.{status.replace('-', '_')}")

    def resurrect(self, apify_run_id: str) -> None:
        """Set an ended run going again."""
        run = self._known(apify_run_id)
        again = run.facts.resurrections + 1
        run.facts = replace(run.facts, status="RUNNING", finished_at=None, resurrections=again)
        self._fired(run, "ACTOR.RUN.RESURRECTED")

    def _fired(self, run: FakeRun, event: str) -> None:
        self.sent.append(Webhook(run.facts.id, event, run.token, f"dispatch{len(self.sent)}"))

    def running(self) -> list[str]:
        """Name the runs that are at work."""
        return [run_id for run_id, run in self.runs.items() if not run.facts.ended]

    def ended(self) -> list[str]:
        """Name the runs that have ended."""
        return [run_id for run_id, run in self.runs.items() if run.facts.ended]

    def _known(self, apify_run_id: str) -> FakeRun:
        if apify_run_id not in self.runs:
            raise Gone("no such run")
        return self.runs[apify_run_id]

    def _called(self, name: str) -> None:
        self.points(f"before {name}")
        if self.outage:
            raise Unavailable("Apify is down")
