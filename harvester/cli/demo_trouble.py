"""A harvest that fails on purpose, at the end of a demo that is left running: something to find and mend."""

from __future__ import annotations

import time
from typing import Any, Final

from rich.console import Console

from harvester.cli.children import Children
from harvester.cli.demo_agency import handle, stored_client, stored_lead
from harvester.cli.demo_web import call, call_sandbox
from harvester.errors import HarvesterError
from harvester.ledger import clients, leads
from harvester.models import ClientRunStatus
from services import Services

CLIENT_ID: Final = "Hale-Dental"
_NAME: Final = "Hale Dental"
#: In the handles of its leads, and of nobody else's.
_NUMBER: Final = 9
_LEADS: Final = 6
_TARGET: Final = 24
_PATIENCE_SECONDS: Final = 60


def made(children: Children, console: Console, services: Services) -> None:
    """Add a client, and have its actor run fail half-way. Raises `HarvesterError` if it never ends."""
    now = services.clock()
    with services.ledger.write() as tx:
        clients.add(tx, stored_client(CLIENT_ID, _NAME, target=_TARGET, timezone="Europe/London", now=now))
        invented = [handle(_NUMBER, number) for number in range(_LEADS)]
        leads.add(tx, CLIENT_ID, [stored_lead(one, now) for one in invented])
    fault = {"kind": "run-fail", "match": f"-{_NUMBER}"}
    call_sandbox(children.environ, "/sandbox/faults", body=[fault])
    answer = call(children.environ, "/api/apify/process-client", body={"clientId": CLIENT_ID})
    run = _ended(children, str(answer["clientRunId"]))
    call_sandbox(children.environ, "/sandbox/faults", body=[])
    ended = f"Client run {run['clientRunId']} ended {run['status']}, on purpose"
    told = f"\n{ended}: find out why on the operations page, and retry it there.\n"
    console.print(told, soft_wrap=True, highlight=False)


def _ended(children: Children, full_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        children.check()
        run: dict[str, Any] = call(children.environ, f"/api/runs/{full_id}")["run"]
        if run["status"] != ClientRunStatus.RUNNING:
            return run
        if time.monotonic() > deadline:
            raise HarvesterError(f"client run {full_id} did not end within {_PATIENCE_SECONDS} s")
        time.sleep(0.3)
