"""Repairs, pauses, alerts, schedules, and how the service is, as models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from harvester.models import ActorRunState, DeliveryOutcome
from routes.contract.answers.shown import (
    ActorRunId,
    ClientId,
    ClientRunId,
    Count,
    Good,
    GoodPage,
    Moment,
    Shown,
)


class Alive(Good):
    """The process lives."""


class Ready(Good):
    """Each dependency by name: ok. `degraded` names those without which this process answers all the same."""

    checks: dict[str, str]
    degraded: list[str]


class WebhookReady(Good):
    """The webhook is reachable."""

    status: Literal["ready"]


class Taken(Good):
    """What became of a delivery."""

    outcome: DeliveryOutcome


class Delivery(Shown):
    """A webhook call that was kept."""

    id: Count
    dispatch_id: str | None
    event_type: str | None
    actor_run_id: ActorRunId | None
    client_id: ClientId | None
    outcome: DeliveryOutcome
    received_at: Moment
    processed_at: Moment | None
    result: str | None


class DeliveryList(GoodPage):
    """Deliveries, newest first."""

    deliveries: list[Delivery]


class OneDelivery(Good):
    """One delivery."""

    delivery: Delivery


class DeadLetter(Shown):
    """An actor run that was given up and waits for a person."""

    id: Count
    client_run_id: ClientRunId
    client_id: ClientId
    batch: Count
    actor_run_id: ActorRunId | None
    state: ActorRunState
    parked_at: Moment | None
    error: str | None
    replayable: bool


class DeadLetterList(GoodPage):
    """Dead letters, newest first."""

    dead_letters: list[DeadLetter]


class OneDeadLetter(Good):
    """One dead letter."""

    dead_letter: DeadLetter


class Reconciled(Good):
    """How many actor runs are looked after now."""

    actor_runs: Count


class Pause(Shown):
    """Since when, why and by whom starts are paused; where `clientId` is null, of the actor, else of all."""

    client_id: ClientId | None
    actor_id: Annotated[str | None, Field(description="Of which alone nothing is started", examples=[None])]
    since: Moment
    reason: str
    paused_by: str


class StartsState(Shown):
    """Whether starts are paused, and how many actor runs are at work, may be, and wait."""

    paused: bool
    pauses: list[Pause]
    in_flight: Count
    most_in_flight: Count
    waiting: Count


class Starts(Good):
    """How starts stand."""

    starts: StartsState


class OnePause(Good):
    """A pause that stands."""

    pause: Pause


class Lifted(Good):
    """Whether there was a pause to be lifted."""

    lifted: bool


class Alert(Shown):
    """A matter that stands."""

    key: Annotated[str, Field(examples=["dead letter 7"])]
    text: str
    since: Moment
    last_at: Moment
    times: Count
    told_at: Moment | None


class AlertList(GoodPage):
    """What stands, newest first."""

    alerts: list[Alert]


class NextTime(Shown):
    """A time at which a schedule starts something, in UTC and as a clock of its zone shows it."""

    utc: Moment
    local: Annotated[str, Field(examples=["2026-11-22T06:00:00+01:00"])]


class Schedule(Shown):
    """What starts by itself, and when."""

    name: str
    client_id: ClientId | None
    expression: Annotated[str, Field(examples=["0 5 * * *"])]
    timezone: Annotated[str, Field(examples=["Europe/Berlin"])]
    next_at: Moment | None
    last_at: Moment | None
    fired_at: Moment | None
    taken_up: bool
    next_times: list[NextTime]
    error: str | None


class ScheduleList(GoodPage):
    """Schedules by name; `missed` says what becomes of times that nobody was there for."""

    schedules: list[Schedule]
    missed: Literal["last", "skip", "all"]


#: What an actor's item holds beside what is named: its form is the actor's.
AnyObject = dict[str, Any]
