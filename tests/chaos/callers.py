"""Those who order harvests: one for each client, with the next order as soon as the last harvest is over."""

from __future__ import annotations

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from cli.processes import API_TOKEN

from .story import Order

#: Between two tries of the same call, and between two looks at a harvest.
_PAUSE_SECONDS = 0.25
_TIMEOUT_SECONDS = 4


@dataclass
class Caller:
    """Carries out a client's orders, as a cron job would: each until it has an answer."""

    url: str
    orders: Sequence[Order]
    over: threading.Event
    #: The answer to each order by its key, in the order they came.
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Client runs whose end was seen.
    finished: list[str] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)

    @property
    def accepted(self) -> list[str]:
        """Give the client runs that were promised so far."""
        return [answer["clientRunId"] for answer in list(self.answers.values()) if "clientRunId" in answer]

    def __call__(self) -> None:
        """Carry out all orders, or as many as there is time for."""
        for order in self.orders:
            full_id = self._ordered(order)
            while full_id is not None and not self._over(full_id):
                if self.over.wait(_PAUSE_SECONDS):
                    return
            if self.over.is_set():
                return

    def _ordered(self, order: Order) -> str | None:
        while not self.over.is_set():
            status, answer = self.posted(order)
            if status == 202:
                self.answers[order.key] = answer
                return str(answer["clientRunId"])
            if status is not None and status < 500:
                self.answers[order.key] = {}
                self.wrongs.append(f"order {order.key} was answered {status} {answer}")
                return None
            self.over.wait(_PAUSE_SECONDS)
        return None

    def posted(self, order: Order) -> tuple[int | None, dict[str, Any]]:
        """Post an order once. No status: no answer."""
        return called(self.url + order.path, orjson.dumps(order.body), {"Idempotency-Key": order.key})

    def _over(self, full_id: str) -> bool:
        status, answer = called(f"{self.url}/api/runs/{full_id}")
        if status == 404:
            self.wrongs.append(f"client run {full_id} was accepted and is not there")
            return True
        if status != 200 or answer["run"]["status"] == "Running":
            return False
        self.finished.append(full_id)
        return True


def called(
    url: str, body: bytes | None = None, headers: dict[str, str] | None = None, token: str = API_TOKEN
) -> tuple[int | None, dict[str, Any]]:
    """Call the API. No status: no answer, or only a part of one."""
    request = urllib.request.Request(url, data=body, headers={"Authorization": f"Bearer {token}"})
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, orjson.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {"error": error.read().decode(errors="replace")[:300]}
    except (OSError, http.client.HTTPException, ValueError):
        return None, {}
