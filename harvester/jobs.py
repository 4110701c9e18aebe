"""Job runs as frozen types: what is done with all clients of one kickoff."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from harvester.models import ClientRunStatus


class JobPlan(StrEnum):
    """What a job run does with the clients that it is for."""

    PROCESS = "process"
    RESUME = "resume"


class JobDecision(StrEnum):
    """What a job run did about one client."""

    STARTED = "started"
    TAKEN_ON = "taken_on"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobRun:
    """The job tracking record: all client runs of one kickoff, under the base run ID."""

    run_id: str
    source: str
    status: ClientRunStatus
    started_at: datetime
    finished_at: datetime | None
    #: None where one client was kicked off by itself; else what is done with many.
    plan: JobPlan | None = None
    #: What a plan is narrowed to: a stream, one client, so many clients at the most.
    stream: int | None = None
    only_client: str | None = None
    most_clients: int | None = None
    #: The schedule that fired it, if one did.
    schedule: str | None = None
    #: Only the clients that have no schedule of their own.
    without_schedule: bool = False
    #: The lock that it holds across all processes while it is live: a smart resume its plan, others none.
    holds: str | None = None
    #: When whoever looks next is to go on kicking clients off; None once every client was decided about.
    kickoffs_due_at: datetime | None = None
    #: Which process looked at it last, and when.
    owner: str | None = None
    heartbeat_at: datetime | None = None
    note: str | None = None
    reported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class JobClient:
    """What a job run decided about one client. `client_run_id` is the one it started or has taken on."""

    run_id: str
    client_id: str
    decision: JobDecision
    client_run_id: str | None
    code: str | None
    reason: str | None
    decided_at: datetime
