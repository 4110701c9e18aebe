"""One delivery with all it brought, and the activity log, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.contract.answers.operating import Delivery
from routes.contract.answers.shown import ClientId, ClientRunId, Count, Good, GoodPage, Moment, Shown


class WholeDelivery(Delivery):
    """A webhook call with its headers and body, without any secret, and what it was for."""

    client_run_id: ClientRunId | None
    batch: Count | None
    headers: dict[str, str]
    body: Annotated[str, Field(description="Indented where it is JSON")]


class OneWholeDelivery(Good):
    """One delivery with all it brought."""

    delivery: WholeDelivery


class Line(Shown):
    """Who did what, and how it went."""

    id: Count
    at: Moment
    operation: Annotated[str, Field(examples=["kickoff"])]
    source: Annotated[str | None, Field(description="Who", examples=["api", "page: Ann"])]
    client_id: ClientId | None
    client_run_id: ClientRunId | None
    ok: bool
    detail: str


class ActivityList(GoodPage):
    """The activity log, newest first."""

    activity: list[Line]


class Event(Shown):
    """A line of the story of a client run."""

    id: Annotated[str, Field(description="Known by it, should it come twice", examples=["e42"])]
    at: Moment
    kind: Annotated[str, Field(examples=["page"])]
    batch: int | None
    text: str


class EventList(GoodPage):
    """What happened to a client run, oldest first."""

    events: list[Event]
