"""Waiting on a terminal for one client run to end, with its progress. It can be interrupted at any time."""

from __future__ import annotations

import math
import time
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from harvester.cli import session
from harvester.cli.long_work import Interrupted, interruptible
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from harvester.wording import counted
from services import Services

_LOOK_EVERY: Final = 0.5
_OVER: Final = ("ingested", "failed")

wait_option = click.option("--wait", is_flag=True, help="Wait for its end. Ctrl-C leaves it to the workers.")


def until_over(services: Services, full_id: str, *, seconds: float = math.inf) -> dict[str, Any]:
    """Wait until a client run is over, and give it as `overview.run` does; after so many `seconds` as it is
    then. Raises `HarvesterError`.
    """
    until = time.monotonic() + seconds
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        interruptible(f"Client run {full_id} goes on: the workers see to it", ends=Interrupted),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown,
    ):
        task = shown.add_task(full_id, total=None)
        while (run := _found(services, full_id))["status"] == ClientRunStatus.RUNNING:
            if time.monotonic() >= until:
                break
            shown.update(task, description=_progress(run))
            time.sleep(_LOOK_EVERY)
    return run


def exit_code(status: str, *, wanted: ClientRunStatus) -> int:
    """Say how a command ends that waited: 0 as wanted, 1 when it failed, 3 otherwise."""
    if status == wanted:
        return 0
    return session.EXIT_FAILED if status == ClientRunStatus.FAILED else session.EXIT_REFUSED


def _found(services: Services, full_id: str) -> dict[str, Any]:
    run = services.overview.run(full_id)
    if run is None:
        raise HarvesterError(f"there is no client run {full_id} any more")
    return run


def _progress(run: dict[str, Any]) -> str:
    batches = run["actorRuns"]
    done = sum(one["state"] in _OVER for one in batches)
    posts = counted(run["metrics"]["postsHarvested"], "post")
    return f"{run['clientRunId']}: {done} of {counted(len(batches), 'actor run')} done, {posts}"
