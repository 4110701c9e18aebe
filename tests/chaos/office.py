"""Those who order for all clients at once: job runs, a smart resume, and a pause of two seconds."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from .callers import called

_PAUSE_SECONDS = 0.25
#: How long starts are paused.
_HOLD_SECONDS = 2.0
_PROCESS, _RESUME = "/api/apify/process", "/api/smart-resume"


@dataclass
class Office:
    """Has all clients harvested so often, one job run after another; the last one is a smart resume."""

    url: str
    times: int
    over: threading.Event
    #: The answer to each order by its key.
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: From when to when no start may be begun: after the one answer, and before the other call.
    paused: list[tuple[datetime, datetime]] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    finished: bool = False
    #: Set as soon as the first one is accepted.
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        """Carry it all out, or as much as there is time for."""
        for number in range(self.times):
            self._carried_out(_PROCESS, f"all-{number}", pausing=not number)
        self._carried_out(_RESUME, "resume", pausing=False)
        self.finished = not self.over.is_set()

    def _carried_out(self, path: str, key: str, *, pausing: bool) -> None:
        answer = self._until_done(path, key)
        if answer is None:
            return
        self.answers[key] = answer
        self.opened.set()
        if pausing:
            self._pause()
        while not self.over.is_set() and self._runs(str(answer["runId"])):
            self.over.wait(_PAUSE_SECONDS)

    def _pause(self) -> None:
        if self._until_done("/api/starts/pause") is None:
            return
        began = datetime.now(UTC)
        self.over.wait(_HOLD_SECONDS)
        self.paused.append((began, datetime.now(UTC)))
        self._until_done("/api/starts/resume")

    def _until_done(self, path: str, key: str | None = None) -> dict[str, Any] | None:
        """Post until it is answered. None if time is up, or it was refused."""
        while not self.over.is_set():
            status, answer = self.posted(path, key)
            if status is not None and status < 300:
                return answer
            if status is not None and status < 500:
                self.wrongs.append(f"{path} {key} was answered {status} {answer}")
                return None
            self.over.wait(_PAUSE_SECONDS)
        return None

    def posted(self, path: str, key: str | None = None) -> tuple[int | None, dict[str, Any]]:
        """Post once. No status: no answer."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return called(self.url + path, orjson.dumps({}), headers)

    def _runs(self, run_id: str) -> bool:
        status, answer = called(f"{self.url}/api/jobs/{run_id}")
        if status == 404:
            self.wrongs.append(f"job run {run_id} was accepted and is not there")
            return False
        return status != 200 or answer["job"]["status"] == "Running"

    def asked_again(self) -> list[str]:
        """Ask for each with its key once more, and name those that get another answer than before."""
        wrongs = []
        for key, before in self.answers.items():
            status, answer = self.posted(_RESUME if key == "resume" else _PROCESS, key)
            if answer.get("runId") != before["runId"]:
                wrongs.append(f"I1: {key} was answered {before['runId']}, and is {status} {answer} now")
        return wrongs
