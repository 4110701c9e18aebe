"""Planning: which leads go into which batches, written in one transaction with what asked for it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Protocol, TypeVar

from harvester.ledger import Tx, actor_runs, leads, new_actor_runs, run_events, usage
from harvester.ledger.leads import MOST_UNANSWERED
from harvester.models import Client, Lead
from harvester.wording import counted
from services import lots
from services.budgets import Budgets
from services.days import day_start


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a plan, from the settings. `kickoffs_per_hour` are those of one client, whoever asks.

    `actor_id` harvests for every client that names no actor of its own.
    """

    actor_id: str
    max_posts: int
    stale_lead: timedelta
    budgets: Budgets
    kickoffs_per_hour: int


@dataclass(frozen=True, slots=True)
class Need:
    """What a client still needs in its own day: posts to its target, and batches to its guardrail."""

    posts: int
    batches: int


#: A batch of leads that had no answer is so many times smaller than the one before it.
_SMALLER: Final = 4
#: `Client.origin` of a client that is kept in Airtable, with its leads.
AIRTABLE: Final = "airtable"
#: Client status and service level that may harvest.
ACTIVE: Final = "Active"
ENTITLED_FROM_LEVEL: Final = 2


def not_entitled(client: Client) -> tuple[str, str] | None:
    """Say by code and reason why a client may not harvest; None if it may."""
    if client.status != ACTIVE:
        return "client_inactive", f"client is {client.status}, not {ACTIVE}"
    if client.service_level < ENTITLED_FROM_LEVEL:
        return "not_entitled", "harvesting is not enabled for this client"
    return None


def need_of(tx: Tx, client: Client, limits: Limits, now: datetime) -> Need:
    """Count what is missing, from what the ledger holds of the client's day, open actor runs included.

    A client run that starts has none open, unless a person deleted the record of one before it.
    """
    day = usage.of_day(tx, client.client_id, since=day_start(client.timezone, now))
    return Need(
        posts=client.daily_target - day.posts - day.posts_to_come, batches=client.max_batches - day.batches
    )


def profiles_for(client: Client, limits: Limits, *, posts: int, batches: int) -> int:
    """Say how many leads the missing posts need, within so many batches; 0 or less: none."""
    return min(-(-posts // limits.max_posts), batches * client.batch_size)


def plan_due(
    tx: Tx,
    client: Client,
    limits: Limits,
    *,
    client_run_id: str,
    posts: int,
    batches: int,
    now: datetime,
) -> int:
    """Plan as many leads as the missing posts need and no more. Returns how many batches that made."""
    profiles = profiles_for(client, limits, posts=posts, batches=batches)
    if profiles < 1:
        return 0
    due = leads.due(
        tx, client.client_id, now=now, stale_after=limits.stale_lead, limit=profiles, not_in=client_run_id
    )
    return plan_these(
        tx,
        client,
        limits,
        due,
        client_run_id=client_run_id,
        max_posts=limits.max_posts,
        now=now,
        batches=batches,
    )


class Asked(Protocol):
    """What was asked for before, and had no answer in so many actor runs in a row."""

    @property
    def unanswered(self) -> int:
        """How many those were."""


A = TypeVar("A", bound=Asked)


def parted(chosen: Sequence[A], size: int, *, most: int | None = None) -> list[Sequence[A]]:
    """Part leads into batches of a size, at most so many.

    Those that had no answer are asked apart from the others, each time in smaller batches and at last alone,
    or one that is never answered would leave it open for all beside it who was.
    """
    found: list[Sequence[A]] = []
    for tries in range(MOST_UNANSWERED):
        last = tries == MOST_UNANSWERED - 1
        those = [one for one in chosen if one.unanswered == tries or (last and one.unanswered > tries)]
        at_once = 1 if last else max(1, size // _SMALLER**tries)
        found += [those[i : i + at_once] for i in range(0, len(those), at_once)]
    return found[:most]


def plan_these(
    tx: Tx,
    client: Client,
    limits: Limits,
    chosen: Sequence[Lead],
    *,
    client_run_id: str,
    max_posts: int,
    now: datetime,
    batches: int | None = None,
) -> int:
    """Plan these leads, as many as so many `batches` take. Returns how many batches that made.

    A batch becomes as many actor runs as the client's present actor needs for it: a lot.
    """
    tx.exclusively(f"batches:{client_run_id}")  # they are numbered
    parts = parted(chosen, client.batch_size, most=batches)
    actor_id = lots.actor_id_of(client, limits.actor_id)
    # Of a record that was deleted and made anew, the actor runs are still there.
    numbers = count(actor_runs.last_batch(tx, client_run_id) + 1)
    runs = 0
    for part in parts:
        leads.claim(tx, [lead.id for lead in part], client_run_id=client_run_id, now=now)
        numbered = list(zip(lots.split(part, actor_id), numbers, strict=False))
        for some, number in numbered:
            new_actor_runs.plan(
                tx,
                some,
                marker=secrets.token_hex(16),
                client_run_id=client_run_id,
                client_id=client.client_id,
                batch=number,
                actor_id=actor_id,
                max_posts=max_posts,
                now=now,
                lot=numbered[0][1] if len(numbered) > 1 else None,
            )
        runs += len(numbered)
    if parts:
        run_events.add(tx, client_run_id, "planned", _planned_words(parts, runs), now=now)
    return len(parts)


def _planned_words(parts: Sequence[Sequence[Lead]], runs: int) -> str:
    named, profiles = counted(len(parts), "batch", "batches"), counted(sum(map(len, parts)), "profile")
    lot = f", in {counted(runs, 'actor run')}" if runs > len(parts) else ""
    return f"{named} of {profiles} planned{lot}"
