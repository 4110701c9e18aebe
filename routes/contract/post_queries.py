"""Queries of posts, deliveries and the activity log, as models."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from routes.contract.asked import Asked, Must
from routes.contract.queries import (
    DEFAULT_LIMIT,
    Deliveries,
    Limit,
    OfClient,
    OfClientRun,
    Page,
    Text,
    TextCursor,
)
from services.post_search import Filters

_DAY: Final = "Day in UTC, or moment; it counts too"
_BOOLEANS: Final = {"true": True, "false": False}


class PostFilters(Asked):
    """Which posts."""

    q: Annotated[
        str | None,
        Field(
            description="Words that the text or its author's name holds; the last may be a beginning",
            examples=["years van"],
        ),
    ] = None
    client_id: OfClient = None
    lead: Annotated[
        str | None,
        Field(
            description="Only those seen under this lead: its profile URL, in any spelling",
            examples=["https://www.linkedin.com/in/amara-okafor"],
        ),
    ] = None
    client_run_id: OfClientRun = None
    posted_from: Annotated[str | None, Field(description=_DAY, examples=["2026-11-01"])] = None
    posted_to: Annotated[str | None, Field(description=_DAY, examples=["2026-11-22T05:00:00Z"])] = None

    def exact(self) -> Filters:
        """Give them as the service takes them."""
        return Filters(
            self.q, self.client_id, self.lead, self.client_run_id, self.posted_from, self.posted_to
        )


class Posts(PostFilters):
    """Which posts, and which page of them."""

    limit: Limit = DEFAULT_LIMIT
    cursor: TextCursor = None


class NarrowedDeliveries(Deliveries):
    """Which deliveries."""

    actor_run_id: Annotated[Text, Field(description="Only those about this actor run of Apify's")] = None
    client_run_id: OfClientRun = None


class Activity(Page):
    """Which lines of the activity log."""

    operation: Annotated[Text, Field(description="Only this operation", examples=["kickoff"])] = None
    client_id: OfClient = None
    client_run_id: OfClientRun = None
    ok: Annotated[
        bool | None,
        BeforeValidator(lambda given: _BOOLEANS.get(given, given)),
        Field(description="Only what was done, or only what failed or was refused"),
        Must("be true or false", "invalid_ok"),
    ] = None
