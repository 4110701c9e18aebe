"""Actors and how their outputs stand, as models."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.contract.answers.operating import Pause
from routes.contract.answers.shown import Count, Good, Moment, Shown


class Span(Shown):
    """Actor runs that are looked at together, and what they brought."""

    actor_runs: Count
    items: Count
    posts: Count
    companions: Annotated[Count, Field(description="Comments and reactions")]
    from_: Annotated[Moment | None, Field(alias="from", description="When the first of them was read")]
    to: Moment | None


class Rate(Shown):
    """One rate of the latest actor runs beside that of those before; null where there is nothing to count."""

    name: Annotated[str, Field(examples=["rejects"])]
    now: float | None
    now_count: Count
    now_of: Count
    before: float | None
    before_count: Count
    before_of: Count
    jumped: Annotated[bool, Field(description="Higher than chance explains")]


class FieldChange(Shown):
    """A field that is not as it was; the item itself where `field` is empty."""

    field: Annotated[str, Field(examples=["author.name"])]
    what: Annotated[str, Field(examples=["gone", "another type", "rarer", "new"])]
    before: str
    now: str


class Actor(Shown):
    """An actor, and its output now and before."""

    actor_id: Annotated[str, Field(examples=["harvestapi/linkedin-profile-posts"])]
    startable: bool
    why_not: Annotated[str | None, Field(description="Why it cannot be started")]
    paused: Pause | None
    latest: Span
    history: Span
    rates: list[Rate]
    changes: list[FieldChange]


class ActorList(Good):
    """The actors that can be started or have brought something."""

    actors: list[Actor]
