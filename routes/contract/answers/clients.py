"""Clients, what they cost, and what a kickoff of one would do, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.contract.answers.shown import ClientId, Count, Good, GoodPage, Moment, ProfileUrl, Shown, Usd
from services.preview_leads import Why


class DayBudget(Shown):
    """A client's budget of the day, and what is spent of it."""

    daily_budget_usd: Usd
    own_daily_budget: Annotated[bool, Field(description="It is the client's own, not `DAILY_BUDGET_USD`")]
    spent_today_usd: Usd
    reserved_today_usd: Annotated[float, Field(description="What is at work may cost, in USD")]
    left_today_usd: Usd


class Client(DayBudget):
    """A client."""

    client_id: ClientId
    client_name: str
    status: Annotated[str, Field(examples=["Active"])]
    service_level: int
    posts_daily_target: int
    leads_batch_size: int
    max_batches: int
    processing_stream: int | None
    timezone: str
    airtable_base_id: str | None
    actor_id: Annotated[
        str | None,
        Field(
            description="The actor of its own that harvests for it; null: `APIFY_ACTOR_ID`",
            examples=["apimaestro/linkedin-profile-posts"],
        ),
    ]
    kept_in: Annotated[str, Field(description="Where a person changes it", examples=["ledger", "airtable"])]
    closed: Annotated[str | None, Field(description="Why it is not harvested, whatever its status")]
    leads: Annotated[dict[str, Count], Field(description="How many there are of each status")]
    schedule: str | None


class ClientList(GoodPage):
    """Clients by ID."""

    clients: list[Client]


class Spent(Shown):
    """What was paid over some days, what it brought, and what each cost; null where there was none."""

    cost_usd: Usd
    leads_answered: Count
    posts: Count
    posts_new: Count
    cost_per_lead_usd: Usd | None
    cost_per_post_usd: Usd | None
    cost_per_new_post_usd: Usd | None


class ClientCosts(DayBudget, Spent):
    """What one client has cost."""

    client_id: ClientId
    client_name: str
    spent_this_month_usd: Usd


class ApifyAccount(Shown):
    """What Apify says of the account, which others may use, too."""

    max_runs: int | None
    max_memory_mb: int | None
    month_limit_usd: Usd | None
    month_used_usd: Usd | None
    read_at: Moment


class Account(Shown):
    """The account's calendar month."""

    monthly_budget_usd: Usd | None
    spent_this_month_usd: Usd
    reserved_usd: Usd
    left_this_month_usd: Usd | None
    apify: ApifyAccount | None


class Costs(Good):
    """What was spent since then."""

    days: Count
    since: Moment
    clients: list[ClientCosts]
    total: Spent
    account: Account


class DueLead(Shown):
    """A lead that would be harvested, and why."""

    linkedin_profile_url: ProfileUrl
    name: str | None
    why: Why
    unanswered: Annotated[int, Field(ge=0, description="Actor runs in a row that had no word about it")]


class PreviewBatch(Shown):
    """The leads of one batch, which is one actor run, or several of an actor that takes fewer at once."""

    batch: Count
    leads: list[DueLead]


class Preview(Shown):
    """What a kickoff would do now; `code` and `reason` where it is skipped."""

    client_id: ClientId
    client_name: str
    skipped: bool
    code: str = Field(default_factory=str)
    reason: str = Field(default_factory=str)
    actor_id: Annotated[str, Field(description="The actor that would harvest")]
    paused: str | None
    remark: str | None
    posts_wanted: int | None
    profiles: int | None
    batches: list[PreviewBatch]
    actor_runs: Annotated[int, Field(description="So many are the batches, each with a cap of its own")]
    most_batches: int
    most_actor_runs: int
    cost_at_most_usd: Usd
    cost_about_usd: Usd | None


class OnePreview(Good):
    """A preview."""

    preview: Preview
