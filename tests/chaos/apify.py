"""An Apify on which one call in ten goes wrong, in every way that it can."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harvester.sandbox.apify import Fault, SandboxApify
from harvester.sandbox.apify.wire import Answer, ApiError, failure
from harvester.sandbox.server import Raw

TOKEN = "sandbox-token-of-the-chaos-run"
MARKER_KEY = "postHarvesterMarker"
#: Times that a fault is good for; what is left of them tells how often it fired.
_ENDLESS = 10**9
#: Share of calls that take effect and are answered 500 all the same.
_ERROR_AFTER = 0.02

FAULTS = (
    Fault(kind="rate-limit", probability=0.02, times=_ENDLESS),
    Fault(kind="server-error", probability=0.015, times=_ENDLESS),
    Fault(kind="reset", probability=0.01, times=_ENDLESS),
    Fault(kind="answer-lost", probability=0.015, times=_ENDLESS),
    Fault(kind="slow", probability=0.01, seconds=3.0, times=_ENDLESS),
    Fault(kind="truncated", probability=0.01, times=_ENDLESS),
    Fault(kind="memory-limit", probability=0.01, times=_ENDLESS),
    Fault(kind="concurrency-limit", probability=0.01, times=_ENDLESS),
    Fault(kind="run-fail", probability=0.03, times=_ENDLESS),
    Fault(kind="webhook-drop", probability=0.10, times=_ENDLESS),
    Fault(kind="webhook-double", probability=0.15, times=_ENDLESS),
    Fault(kind="webhook-delay", probability=0.10, seconds=1.5, times=_ENDLESS),
)


@dataclass(frozen=True)
class PaidRun:
    """An actor run as the sandbox knows it in the end."""

    run_id: str
    marker: str
    started_at: datetime
    status: str
    usd: float
    items: list[Any]


class UnreliableApify(SandboxApify):
    """The sandbox, with one more fault: an answer of 500 to a call that took effect."""

    def __init__(self, seed: int, **options: Any) -> None:
        self._errors_after = 0
        self._chance = random.Random(f"errors after/{seed}")
        self._guard = threading.Lock()
        super().__init__(token=TOKEN, seed=seed, anchor=datetime(2026, 11, 22, tzinfo=UTC), **options)
        self._answer = self._server.application
        self._server.application = self._answered
        self.troubled = False

    def trouble(self) -> None:
        """Let the faults begin."""
        self.faults = FAULTS
        self.troubled = True

    def heal(self) -> dict[str, int]:
        """End all faults. Gives how often each fired."""
        self.troubled = False
        fired: dict[str, int] = {fault.kind: _ENDLESS - (fault.times or 0) for fault in self.faults}
        self.faults = ()
        return {**fired, "error-after": self._errors_after}

    def _answered(self, raw: Raw) -> Answer:
        answer = self._answer(raw)
        if not self.troubled or answer.cut or answer.status >= 300:
            return answer
        with self._guard:
            spoilt = self._chance.random() < _ERROR_AFTER
            self._errors_after += spoilt
        if spoilt and answer.started_run:
            self._platform.oracle.answer_lost(answer.started_run)
        return failure(ApiError(500, "internal-server-error", "Internal server error.")) if spoilt else answer

    def paid_runs(self) -> Iterable[PaidRun]:
        """Give every actor run that was started, with all that is in its dataset and its final cost."""
        for start in self.ledger().starts:
            run = self._platform.run(start.run_id)
            yield PaidRun(
                run_id=start.run_id,
                marker=str(start.input.get(MARKER_KEY, "")),
                started_at=run.started_at,
                status=run.status,
                usd=float(self._platform.view(run)["usageTotalUsd"]),
                items=list(run.dataset.read(0, run.dataset.count(time.monotonic()))),
            )
