"""Actor runs: what is known of one, and what it has been charged at a moment."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from harvester.sandbox.apify.datasets import Dataset
from harvester.sandbox.apify.inputs import RunOptions
from harvester.sandbox.apify.pricing import PRICES, start_events, units
from harvester.sandbox.clock import iso, new_id, utc_now

Status = Literal["READY", "RUNNING", "SUCCEEDED", "FAILED", "TIMING-OUT", "TIMED-OUT", "ABORTING", "ABORTED"]
TERMINAL: frozenset[Status] = frozenset({"SUCCEEDED", "FAILED", "TIMED-OUT", "ABORTED"})
STATUSES: frozenset[str] = TERMINAL | {"READY", "RUNNING", "TIMING-OUT", "ABORTING"}


@dataclass(frozen=True)
class Actor:
    """An actor of somebody else's."""

    #: `user/name`.
    name: str
    id: str = field(default_factory=new_id)
    user_id: str = field(default_factory=new_id)
    build_id: str = field(default_factory=new_id)


@dataclass
class ActorRun:
    """One run. `…_at` are wall-clock moments, `…_mono` seconds of the monotonic clock."""

    actor: Actor
    started_at: datetime
    input: dict[str, Any]
    input_body: bytes
    input_type: str
    options: RunOptions
    dataset: Dataset
    no_results: int
    user_agent: str
    client_ip: str
    id: str = field(default_factory=new_id)
    store_id: str = field(default_factory=new_id)
    queue_id: str = field(default_factory=new_id)
    status: Status = "READY"
    status_message: str = ""
    exit_code: int | None = None
    finished_at: datetime | None = None
    finished_mono: float | None = None
    begun_mono: float | None = None
    resurrections: int = 0
    #: Goes up with each turn from outside; what was scheduled before is void.
    epoch: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def terminal(self) -> bool:
        """Whether the run has ended."""
        return self.status in TERMINAL

    def note(self, message: str) -> None:
        """Add a line to the log."""
        self.status_message = message
        self.log.append(f"{iso(utc_now())} {message}")

    def budget(self) -> int | None:
        """Price units that items may cost in all, or None without a cap."""
        if self.options.max_total_charge_usd is None:
            return None
        started = sum(PRICES[event] for event in start_events(self.options.memory_mbytes).elements())
        return max(0, units(self.options.max_total_charge_usd) - started)

    def affordable_items(self) -> int:
        """How many items the cap pays for."""
        budget = self.budget()
        return self.dataset.length if budget is None else self.dataset.affordable(budget)

    def charged(self, at: float) -> Counter[str]:
        """Events charged for what had happened by a moment. The start is charged at once."""
        if self.begun_mono is None:
            return Counter()
        events = start_events(self.options.memory_mbytes)
        items = self.dataset.charged(self.dataset.count(at))
        events += items
        if self.status == "SUCCEEDED" and self.finished_mono is not None and self.finished_mono <= at:
            events["no-result"] += self._payable_no_results(items)
        return +events

    def _payable_no_results(self, items: Counter[str]) -> int:
        budget = self.budget()
        if budget is None:
            return self.no_results
        left = budget - sum(PRICES[event] * count for event, count in items.items())
        return min(self.no_results, max(0, left) // PRICES["no-result"])
