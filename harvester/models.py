"""The things that post-harvester speaks of, as frozen types. Words: `ARCHITECTURE.md`, section "Words"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class ClientRunStatus(StrEnum):
    """Where a client run stands. Everything but RUNNING is final, until a person has it tried again."""

    RUNNING = "Running"
    COMPLETED = "Completed"
    COMPLETED_WITH_ERRORS = "Completed with Errors"
    FAILED = "Failed"
    CANCELLED = "Cancelled"


class LeadStatus(StrEnum):
    """`Posts Harvest Status` of a lead; a lead never looked at has none (NULL)."""

    PENDING = "Pending"
    PROCESSING = "Processing"
    DONE = "Done"
    NO_POSTS = "No Posts"


class ActorRunState(StrEnum):
    """Where one batch stands with us (Apify's own status is kept beside it).

    =============  ==============================================  ========================================
    state          means                                           next
    =============  ==============================================  ========================================
    planned        leads picked, nothing sent                      starting, failed; running (1)
    starting       a start is on the wire                          running, start_unknown, planned, failed
    start_unknown  a start was sent and its answer lost            running, planned, failed
    running        Apify has it                                    ended, failed
    ended          Apify is done with it, its dataset is due       ingesting, ingested, failed; running (2)
    ingesting      pages are being stored, `cursor` items so far   ingested, failed; running, ended (2)
    ingested       every item accounted for, cost final            running, ended (2)
    failed         given up, with the reason; leads are due again  running (1, 3), ended (2, 3)
    =============  ==============================================  ========================================

    (1) The run of a start that was given up for lost has turned up. (2) The actor run was resurrected. (3) A
    dead letter is tried again.
    """

    PLANNED = "planned"
    STARTING = "starting"
    START_UNKNOWN = "start_unknown"
    RUNNING = "running"
    ENDED = "ended"
    INGESTING = "ingesting"
    INGESTED = "ingested"
    FAILED = "failed"


class LeadAnswer(StrEnum):
    """What an actor run that was read to its end has told about one of its profiles."""

    POSTS = "posts"
    NONE = "none"
    ERROR = "error"
    SILENT = "silent"


class DeliveryOutcome(StrEnum):
    """What became of one webhook call."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    UNKNOWN_RUN = "unknown_run"


@dataclass(frozen=True, slots=True)
class Client:
    """A tenant: one customer of the agency, with its limits."""

    client_id: str
    name: str
    status: str
    service_level: int
    daily_target: int
    batch_size: int
    max_batches: int
    stream: int
    timezone: str
    airtable_base: str | None
    created_at: datetime
    #: Where it is kept: `ledger` or `airtable`; there, in which row, and why it is closed if it is.
    origin: str = "ledger"
    airtable_record_id: str | None = None
    airtable_error: str | None = None
    #: The ledger's own, wherever the client is kept: its budget of a day in millionths of a USD instead of
    #: the setting's, and the cron expression of its own schedule, in its time zone.
    daily_budget_micros: int | None = None
    schedule: str | None = None
    #: The actor that harvests for it, `user/name`, instead of the setting's.
    actor_id: str | None = None


@dataclass(frozen=True, slots=True)
class Lead:
    """A person whose posts a client wants. `profile_url` is canonical, `given_url` is as it came."""

    id: int
    client_id: str
    profile_url: str
    given_url: str
    name: str | None
    extra: dict[str, Any]
    status: LeadStatus | None
    client_run_id: str | None
    last_check_at: datetime | None
    posts_found_last_run: int | None
    created_at: datetime
    #: How many actor runs in a row had no word about it, and since when it is given up for that.
    unanswered: int = 0
    unreachable_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """What a client run has brought: counts, and USD in millionths. Recomputed, never incremented."""

    profiles_submitted: int = 0
    posts_harvested: int = 0
    posts_new: int = 0
    items_rejected: int = 0
    cost_micros: int = 0
    actor_runs: int = 0


@dataclass(frozen=True, slots=True)
class ClientRun:
    """The client run record: the one account of one harvest of one client."""

    client_run_id: str
    run_id: str
    client_id: str
    client_name: str
    source: str
    status: ClientRunStatus
    #: When the record was made; `started_at` may be earlier for one that a person made.
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None
    #: Posts that this client run set out to find; None when it was given its profiles.
    target_posts: int | None
    max_batches: int
    system_notes: str
    last_webhook_at: datetime | None
    metrics: Metrics
    #: Since when somebody wants it ended, and when it was last taken up again after its end.
    cancel_requested_at: datetime | None = None
    retried_at: datetime | None = None

    @property
    def begun_at(self) -> datetime:
        """Since when it is at work: its kickoff, or the last time that it was taken up again."""
        return self.retried_at or self.created_at


@dataclass(frozen=True, slots=True)
class ActorRun:
    """One batch of leads and the Apify actor run that harvests it. `marker` finds it again at Apify."""

    id: int
    marker: str
    client_run_id: str
    client_id: str
    batch: int
    #: The first batch number of the leads that it is a part of, where their actor takes fewer at once.
    lot: int | None
    state: ActorRunState
    actor_id: str
    max_posts: int
    profiles: int
    attempt: int
    start_requested_at: datetime | None
    #: Until when a lost start is searched for at the least, if that is later than its own time says.
    search_until: datetime | None
    apify_run_id: str | None
    dataset_id: str | None
    apify_status: str | None
    status_message: str | None
    apify_started_at: datetime | None
    apify_finished_at: datetime | None
    resurrections: int
    cost_micros: int | None
    #: The most that Apify may charge for it (its `maxTotalChargeUsd`), and what memory it was given.
    cap_micros: int | None
    #: When Apify is asked again what it cost, once it is over; None where it has told for good.
    cost_due_at: datetime | None
    memory_mb: int | None
    items_expected: int | None
    cursor: int
    failures: int
    put_offs: int
    error_code: str | None
    error: str | None
    next_check_at: datetime | None
    lease_until: datetime | None
    fence: int
    wakes: int
    #: Since when it waits for a person, and why: a dead letter. Its own `error` may be an older one.
    parked_at: datetime | None
    parked_error: str | None
    created_at: datetime

    @property
    def is_orphan(self) -> bool:
        """True for a second actor run of a batch; its marker says which batch and which attempt."""
        return ORPHAN_SEPARATOR in self.marker


#: Between the marker of a batch and the attempt, in the marker of an orphan.
ORPHAN_SEPARATOR: Final = "-"


@dataclass(frozen=True, slots=True)
class Target:
    """One lead of a batch: the URL that was sent for it and what came of it."""

    lead_id: int
    target_url: str
    outcome: str | None
    posts_found: int
    #: What the actor run was last read to tell about it, and why if there is a reason.
    answer: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call that reached us and was kept."""

    id: int
    dispatch_id: str | None
    event_type: str | None
    apify_run_id: str | None
    actor_run_id: int | None
    client_id: str | None
    outcome: DeliveryOutcome
    received_at: datetime
    processed_at: datetime | None
    result: str | None
