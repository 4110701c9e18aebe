"""Actor runs: what is known of one, and what it has been charged at a moment."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from harvester.sandbox.apify.datasets import Dataset
from harvester.sandbox.apify.inputs import RunOptions
from harvester.sandbox.apify.kind import Kind
from harvester.sandbox.apify.kinds import kind_of
from harvester.sandbox.apify.pricing import NO_RESULT, units
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

    @property
    def kind(self) -> Kind:
        """How it is asked, what it answers and what that costs."""
        return kind_of(self.name)


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
        tariff = self.actor.kind.tariff
        started = tariff.sum(tariff.start(self.options.memory_mbytes))
        return max(0, units(self.options.max_total_charge_usd) - started)

    def affordable_items(self) -> int:
        """How many items the cap pays for."""
        budget = self.budget()
        return self.dataset.length if budget is None else self.dataset.affordable(budget)

    def charged(self, at: float) -> Counter[str]:
        """Events charged for what had happened by a moment. The start is charged at once."""
        if self.begun_mono is None:
            return Counter()
        tariff, budget = self.actor.kind.tariff, self.budget()
        items = self.dataset.charged(self.dataset.count(at))
        events = tariff.start(self.options.memory_mbytes) + items
        if self.status == "SUCCEEDED" and self.finished_mono is not None and self.finished_mono <= at:
            left = None if budget is None else budget - tariff.sum(items)
            events[NO_RESULT] += tariff.payable_no_results(self.no_results, left)
        return +events

    def cost_usd(self, at: float) -> float:
        """Dollars charged for what had happened by a moment."""
        return self.actor.kind.tariff.usd(self.charged(at))
