"""Why a client run that a person names cannot be cancelled, or cannot be tried again."""

from __future__ import annotations

from harvester.errors import HarvesterError
from harvester.models import ClientRun


class UnknownRun(HarvesterError):
    """There is no client run of this ID."""

    def __init__(self, full_id: str) -> None:
        super().__init__(f"there is no client run {full_id}")


class RunIsOver(HarvesterError):
    """The client run has ended: there is nothing to cancel."""

    def __init__(self, run: ClientRun) -> None:
        super().__init__(f"client run {run.client_run_id} is over: {run.status}")
        self.run = run


class NothingToRetry(HarvesterError):
    """The client run has ended well, or has nothing that could be tried again."""
