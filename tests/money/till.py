"""An Apify in memory that remembers the cap of each start, and charges whatever it is told to below that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from machine.fake_apify import FakeApify, FakeRun

from harvester.apify_answers import ApifyRun, micros


class Till(FakeApify):
    """Knows what each client's starts may cost at the most at any moment: the truth about the money."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, console_token="unused")
        self.caps: dict[str, int] = {}
        self.began: dict[str, datetime] = {}
        self.whose: dict[str, str] = {}
        #: The client of each target.
        self.clients: dict[str, str] = {}
        #: Called with the client of each start that arrives, when it counts already.
        self.arrived: Callable[[str], None] = lambda _client: None
        self._cap = 0
        self._one_at_a_time = threading.Lock()
        self.on_start = self._arrives

    def start(self, *arguments: Any, **how: Any) -> ApifyRun:
        """Start a run, and keep its cap; of several at once, one after the other."""
        with self._one_at_a_time:
            self._cap = micros(how["max_charge_usd"]) or 0
            return super().start(*arguments, **how)

    def _arrives(self, run: FakeRun) -> None:
        run_id = run.facts.id
        self.caps[run_id], self.began[run_id] = self._cap, self.clock()
        self.whose[run_id] = self.clients[run.targets[0]]
        self.arrived(self.whose[run_id])

    def close(self, run_id: str, part: float) -> None:
        """End a run with one item for each target; it has cost this part of its cap."""
        run = self._known(run_id)
        posts = [
            {"type": "post", "id": f"7{run_id[3:]}{n}", "content": "A post"} for n in range(len(run.targets))
        ]
        query = [{"query": {"targetUrl": target}} for target in run.targets]
        self.end(run_id, "SUCCEEDED", [{**post, **asked} for post, asked in zip(posts, query, strict=True)])
        run.facts = replace(run.facts, cost_micros=int(self.caps[run_id] * part))

    def most(self, *, since: datetime, client: str | None = None) -> int:
        """Say what the runs begun since then may cost at the most, in millionths of a USD."""
        return sum(
            self._most_of(run_id)
            for run_id, began in self.began.items()
            if began >= since and client in (None, self.whose[run_id])
        )

    def _most_of(self, run_id: str) -> int:
        run = self.runs.get(run_id)
        ended = run is not None and run.facts.ended
        return (run.facts.cost_micros or 0) if run is not None and ended else self.caps[run_id]
