"""Job runs, as models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harvester.jobs import JobDecision, JobPlan
from harvester.models import ClientRunStatus
from routes.contract.answers.operating import Pause
from routes.contract.answers.runs import Metrics, RunInShort
from routes.contract.answers.shown import (
    ClientId,
    ClientRunId,
    Count,
    Good,
    GoodPage,
    Moment,
    RunId,
    Shown,
)


class Started(Shown):
    """A client whose client run runs; `takenOn`: it did so before."""

    client_id: ClientId
    client_run_id: ClientRunId
    status: Literal[ClientRunStatus.RUNNING]
    taken_on: Literal[True] = Field(default_factory=lambda: True)


class LeftOut(Shown):
    """A client for which nothing was started, and why."""

    client_id: ClientId
    skipped: Literal[True]
    reason: str | None
    code: str | None


class JobAccepted(Good):
    """It is on disk. `kickingOff`: the other clients are decided about by the workers."""

    run_id: RunId
    clients: list[Started | LeftOut]
    kicking_off: Literal[True] = Field(default_factory=lambda: True)
    pauses: list[Pause] = Field(default_factory=list)


class JobInShort(Shown):
    """A job run with the sums over its client runs, and what it is for."""

    run_id: RunId
    source: str
    status: ClientRunStatus
    started_at: Moment
    finished_at: Moment | None
    client_runs: Count
    metrics: Metrics
    plan: Annotated[JobPlan | None, Field(description="Null where one client was kicked off by itself")]
    stream: int | None
    client: ClientId | None
    limit: int | None
    schedule: str | None
    kicking_off: bool
    note: str | None


class Decision(Shown):
    """What a job run decided about a client, and how its client run stands by now."""

    client_id: ClientId
    decision: JobDecision
    client_run_id: ClientRunId | None
    code: str | None
    reason: str | None
    decided_at: Moment
    status: ClientRunStatus | None


class Reported(Decision):
    """The same, with what came of it where there is a client run."""

    finished_at: Moment | None = Field(default_factory=str)
    metrics: Metrics = Field(default_factory=lambda: Metrics.model_construct())
    told: str | None = Field(default_factory=str)


class JobSums(Shown):
    """Sums of a job run; `takenOnMetrics` those of client runs that belong to others."""

    clients: Count
    started: Count
    taken_on: Count
    skipped: Count
    failed: Count
    ended: Annotated[dict[str, int], Field(description="Client runs by status")]
    metrics: Metrics
    taken_on_metrics: Metrics


class Report(Shown):
    """What was done for each client."""

    clients: list[Reported]
    sums: JobSums


class Job(JobInShort):
    """A job run with its client runs and decisions, and its report once it has ended."""

    clients: list[RunInShort]
    decisions: list[Decision]
    report: Report | None


class JobList(GoodPage):
    """Job runs, newest first."""

    jobs: list[JobInShort]


class OneJob(Good):
    """One job run."""

    job: Job


class LiveResume(Good):
    """The smart resume that is live."""

    running: Literal[True]
    run_id: RunId
    stream: int | None
    client: ClientId | None
    limit: int | None
    owner: str | None
    started_at: Moment
    heartbeat_at: Moment | None
    age_seconds: int
    stale: Annotated[bool, Field(description="No worker looks after it: the next one takes it over")]
    kicking_off: bool
    clients: list[Decision]
    last: None


class LastJob(JobInShort):
    """A job run with its report."""

    report: Report | None


class NoResume(Good):
    """No smart resume is live; the last one, if there was one."""

    running: Literal[False]
    run_id: None
    last: LastJob | None


class ResumeReset(Good):
    """Whether a smart resume was ended, and which."""

    reset: bool
    run_id: RunId | None
