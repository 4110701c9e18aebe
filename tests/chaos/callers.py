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
_FIRST_SECONDS = 20


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
    #: Client runs whose cancel was accepted.
    cancelled: list[str] = field(default_factory=list)
    #: Set as soon as everybody's first harvest was ordered, if that is one of a job run.
    begin: threading.Event | None = None

    @property
    def accepted(self) -> list[str]:
        """Give the client runs that were promised so far."""
        return [answer["clientRunId"] for answer in list(self.answers.values()) if "clientRunId" in answer]

    def __call__(self) -> None:
        """Carry out all orders, or as many as there is time for."""
        if self.begin is not None:
            self.begin.wait(_FIRST_SECONDS)
        for order in self.orders:
            full_id = self._ordered(order)
            if full_id is not None and order.cancel_after is not None:
                self.over.wait(order.cancel_after)
                self._cancel(full_id)
            while full_id is not None and not self._over(full_id):
                if self.over.wait(_PAUSE_SECONDS):
                    return
            if self.over.is_set():
                return

    def _ordered(self, order: Order) -> str | None:
        key, tries = order.key, 1
        while not self.over.is_set():
            status, answer = self.posted(order, key)
            if status == 202:
                self.answers[key] = answer
                return str(answer["clientRunId"])
            if status == 409 and "run_in_progress" in str(answer):  # of a job run: it is waited for
                tries += 1
                key = f"{order.key}/{tries}"
            elif status is not None and status < 500:
                self.answers[key] = {}
                self.wrongs.append(f"order {key} was answered {status} {answer}")
                return None
            self.over.wait(_PAUSE_SECONDS)
        return None

    def _cancel(self, full_id: str) -> None:
        while not self.over.is_set():
            status, answer = called(f"{self.url}/api/runs/{full_id}/cancel", b"{}")
            if status == 202:
                self.cancelled.append(full_id)
            elif status is not None and status < 500 and "run_is_over" not in str(answer):
                self.wrongs.append(f"the cancel of {full_id} was answered {status} {answer}")
            if status is not None and status < 500:
                return
            self.over.wait(_PAUSE_SECONDS)

    def posted(self, order: Order, key: str) -> tuple[int | None, dict[str, Any]]:
        """Post an order once. No status: no answer."""
        return called(self.url + order.path, orjson.dumps(order.body), {"Idempotency-Key": key})

    def asked_again(self) -> list[str]:
        """Ask for some orders with their keys once more: they get the same answer, and start nothing."""
        wrongs = []
        for order in [order for order in self.orders if order.key in self.answers][:2]:
            status, answer = self.posted(order, order.key)
            if answer.get("clientRunId") != self.answers[order.key].get("clientRunId"):
                wrongs.append(f"I1: {order.key} is answered {status} {answer} now")
        return wrongs

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
