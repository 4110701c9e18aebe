"""Client runs, as models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harvester.models import ActorRunState, ClientRunStatus, LeadAnswer
from routes.contract.answers.operating import Pause
from routes.contract.answers.shown import (
    ActorRunId,
    ClientId,
    ClientRunId,
    Count,
    Good,
    GoodPage,
    Moment,
    ProfileUrl,
    RunId,
    Shown,
    Usd,
)


class Metrics(Shown):
    """Sums over the distinct actor runs of a client run, or over the client runs of a job run."""

    profiles_submitted: Count
    posts_harvested: Annotated[int, Field(ge=0, description="Distinct posts that the datasets hold")]
    posts_new: Annotated[int, Field(ge=0, description="Those that the client did not have before")]
    items_rejected: Annotated[int, Field(ge=0, description="Items that could not be understood")]
    apify_cost_usd: Usd
    actor_runs: Count


class InAirtable(Shown):
    """How a record stands in Airtable."""

    record_id: str | None
    state: Literal["off", "pending", "synced", "failed", "missing"]
    error: Annotated[str, Field(description="Where it has failed or is missing")] = Field(default_factory=str)


class RunInShort(Shown):
    """A client run, as a list has it."""

    run_id: RunId
    client_run_id: ClientRunId
    client_id: ClientId
    client_name: str
    source: str
    status: ClientRunStatus
    started_at: Moment
    finished_at: Moment | None
    metrics: Metrics
    system_notes: str
    last_webhook_at: Moment | None
    airtable: InAirtable


class ActorRun(Shown):
    """One batch of leads at Apify. `status` is Apify's word, `state` ours."""

    actor_run_id: ActorRunId | None
    dataset_id: str | None
    status: Annotated[str | None, Field(examples=["SUCCEEDED"])]
    state: ActorRunState
    batch: Count
    attempt: Count
    profiles: Count
    items: Count
    posts: Count
    rejects: Count
    cost_usd: Usd | None
    started_at: Moment | None
    finished_at: Moment | None
    error: str | None
    parked_at: Annotated[Moment | None, Field(description="Since when it is a dead letter")]


class RunError(Shown):
    """What went wrong with one actor run."""

    actor_run_id: ActorRunId | None
    batch: Count
    code: str
    message: str | None


class CoverageSums(Shown):
    """Distinct profiles that were submitted, by what came of each."""

    submitted: Count
    posts: Count
    none: Count
    errors: Count
    silent: Count
    not_answered: Count
    unreachable: Count


class Run(RunInShort):
    """A client run with its actor runs, its errors, and what became of its profiles."""

    actor_runs: list[ActorRun]
    errors: list[RunError]
    coverage: CoverageSums


class RunList(GoodPage):
    """Client runs, newest first."""

    runs: list[RunInShort]


class OneRun(Good):
    """One client run."""

    run: Run


class Covered(Shown):
    """A profile that was submitted, with what it was answered; null while it was not."""

    linkedin_profile_url: ProfileUrl
    answer: LeadAnswer | None
    posts_found: Count
    reason: str | None
    actor_run_id: ActorRunId | None
    unreachable_since: Moment | None


class Coverage(GoodPage):
    """The profiles that a client run has submitted."""

    profiles: list[Covered]


class Accepted(Good):
    """It is on disk, and goes on from there. `pauses` says what keeps it from starting, if anything does."""

    run_id: RunId
    client_run_id: ClientRunId
    client_id: ClientId
    status: ClientRunStatus
    status_url: str
    pauses: list[Pause] = Field(default_factory=list)


class Skipped(Good):
    """Nothing is to be done, and why; no record is made."""

    skipped: Literal[True]
    reason: str
    code: Annotated[str, Field(examples=["target_met"])]
