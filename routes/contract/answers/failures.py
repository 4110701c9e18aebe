"""Failures, as models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from routes.contract.answers.shown import ClientRunId, Count, Moment, RunId, Shown


class Failure(Shown):
    """Why nothing was done."""

    ok: Literal[False]
    error: Annotated[str, Field(description="One sentence for people", min_length=1)]
    code: Annotated[str, Field(description="A stable word for programs", pattern=r"^[a-z0-9_]+$")]


class RunRefused(Failure):
    """A client run stands in the way: the one of this ID."""

    run_id: RunId = Field(default_factory=str)
    client_run_id: ClientRunId = Field(default_factory=str)


class JobRefused(Failure):
    """A job run stands in the way: the one of this ID."""

    run_id: RunId = Field(default_factory=str)


class ResumeRefused(JobRefused):
    """A job run stands in the way; of a smart resume also its age, and when a worker last looked after it."""

    age_seconds: Count = Field(default_factory=int)
    heartbeat_at: Moment | None = Field(default_factory=str)


class NotReady(Shown):
    """What this process needs and cannot use."""

    ok: Literal[False]
    checks: dict[str, str]
    degraded: list[str]
