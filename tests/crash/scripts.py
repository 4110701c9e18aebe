"""What a process does that may die: a day of all clients; or a client run that is cancelled and tried again.

Each can be done again from its beginning, as whoever asked for it would that had no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from harvester.ledger import client_runs, job_runs
from harvester.models import ClientRun, ClientRunStatus
from services import Services
from services.kickoff import Order
from services.process import Ask
from services.run_ends import NothingToRetry, RunIsOver

from .agency import over, started

_PATIENCE_SECONDS: Final = 60
#: Whose client run is cancelled and tried again.
CLIENT: Final = "Aurora"


def day(services: Services) -> bool:
    """Have all clients harvested by one job run; a worker goes on with one that was left off."""
    with services.ledger.read() as tx:
        known, _ = job_runs.page(tx, limit=1)
    services.process._at_once = 1  # so that one can die between two clients
    if not known:
        services.process.order(Ask(idempotency_key="the day"))
    _chores(services)
    if not _worked(services, lambda: over(services.ledger)):
        return False
    _chores(services)
    return True


def cancelled_and_tried_again(services: Services) -> bool:
    """Cancel a client run while its actor run is at work, and try it again when it has ended."""
    services.kickoff(Order(CLIENT, idempotency_key="the day"))
    if not _worked(services, lambda: started(services.ledger) or not _is_new(_run(services))):
        return False
    run = _run(services)
    if run.retried_at is None:
        with suppress(RunIsOver):
            services.cancel(run.client_run_id, by="a person")
    if not _worked(services, lambda: _is_over(_run(services))):
        return False
    if _run(services).retried_at is None:
        with suppress(NothingToRetry):
            services.retry(run.client_run_id, by="a person")
    return _worked(services, lambda: _is_over(_run(services)))


SCRIPTS: Final = {"day": day, "ends": cancelled_and_tried_again}


def _run(services: Services) -> ClientRun:
    with services.ledger.read() as tx:
        (run,), _ = client_runs.page(tx, limit=1, client_id=CLIENT)
    return run


def _is_new(run: ClientRun) -> bool:
    return not _is_over(run) and run.cancel_requested_at is None and run.retried_at is None


def _is_over(run: ClientRun) -> bool:
    return run.status is not ClientRunStatus.RUNNING


def _chores(services: Services) -> None:
    """Do what is due, once: how often it comes after that depends on the time that everything takes."""
    for chore in services.chores.due():
        services.chores(chore)


def _worked(services: Services, done: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if done():
            return True
        services.tick(services.advance)
        time.sleep(0.05)
    return False
