"""What really happened, for tests to compare with: starts, calls, charges, webhook calls."""

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Start:
    """An actor run that was started, and so is paid for."""

    run_id: str
    actor: str
    started_at: str
    input: dict[str, Any]
    #: Its targets, as its INPUT has them.
    targets: tuple[str, ...]
    #: False when the answer was lost on purpose: the caller does not know of the run.
    answered: bool = True


@dataclass(frozen=True)
class HookCall:
    """One HTTP call of a webhook. `status` is None when no answer came; then `error` says why."""

    dispatch_id: str
    run_id: str
    event_type: str
    url: str
    started_at: str
    status: int | None
    error: str | None
    #: True for the second delivery of a doubled one.
    copy: bool


@dataclass(frozen=True)
class Ledger:
    """A snapshot of everything that the sandbox did."""

    starts: list[Start]
    #: Requests by "<METHOD> <route>", faulty ones included.
    calls: dict[str, int]
    #: Answers by "<METHOD> <route> <status>"; status 0: none, the connection was cut.
    answers: dict[str, int]
    #: Final charges of all runs, in USD, without lag.
    charged_usd: float
    webhook_calls: list[HookCall]
    dispatches_by_status: dict[str, int]
    runs_by_status: dict[str, int]

    def starts_by(self, marker: str) -> dict[str, int]:
        """How often a run was started for each value of that key in INPUT; without the key: under ''."""
        return dict(Counter(str(start.input.get(marker, "")) for start in self.starts))

    def starts_by_target(self) -> dict[str, int]:
        """How often each target was in a start, as it was given there."""
        return dict(Counter(target for start in self.starts for target in start.targets))


class Oracle:
    """Counts as things happen. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self._starts: dict[str, Start] = {}
            self._calls: Counter[str] = Counter()
            self._answers: Counter[str] = Counter()
            self._hook_calls: list[HookCall] = []

    def started(self, start: Start) -> None:
        """A run was started."""
        with self._lock:
            self._starts[start.run_id] = start

    def answer_lost(self, run_id: str) -> None:
        """The answer to a start was lost on purpose."""
        with self._lock:
            self._starts[run_id] = replace(self._starts[run_id], answered=False)

    def called(self, route: str) -> None:
        """A request came in."""
        with self._lock:
            self._calls[route] += 1

    def answered(self, route: str, status: int) -> None:
        """A request was answered; status 0: not at all."""
        with self._lock:
            self._answers[f"{route} {status}"] += 1

    def hooked(self, call: HookCall) -> None:
        """A webhook call ended."""
        with self._lock:
            self._hook_calls.append(call)

    def snapshot(self, charged_usd: float, dispatches: Counter[str], runs: Counter[str]) -> Ledger:
        """Everything so far, with what the platform knows of money and states."""
        with self._lock:
            return Ledger(
                starts=list(self._starts.values()),
                calls=dict(self._calls),
                answers=dict(self._answers),
                charged_usd=charged_usd,
                webhook_calls=list(self._hook_calls),
                dispatches_by_status=dict(dispatches),
                runs_by_status=dict(runs),
            )
