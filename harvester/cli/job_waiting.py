"""Waiting on a terminal for a job run to end, with its progress. It can be interrupted at any time."""

from __future__ import annotations

import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from harvester.cli.long_work import Interrupted, interruptible
from harvester.errors import HarvesterError
from harvester.jobs import JobRun
from harvester.models import ClientRunStatus
from services import Services

_LOOK_EVERY: Final = 1.0
_RUNNING: Final = ClientRunStatus.RUNNING


def until_over(services: Services, run_id: str) -> JobRun:
    """Wait until a job run is over, and give it. Shows progress on a terminal, and nothing elsewhere.

    Raises `HarvesterError` if there is none.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        interruptible(
            f"Job run {run_id} goes on: the workers see to it. Watch it: harvester jobs {run_id}",
            ends=Interrupted,
        ),
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown,
    ):
        task = shown.add_task(f"Job run {run_id}", total=None)
        while True:
            found = services.job_reports.standing(run_id)
            if found is None:
                raise HarvesterError(f"there is no job run {run_id}")
            job, _, standing = found
            if job.status is not _RUNNING:
                return job
            total = standing.total()
            shown.update(task, completed=total - standing[_RUNNING], total=total or None)
            time.sleep(_LOOK_EVERY)
