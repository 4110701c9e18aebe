"""Invented clients, leads and posts, settings that are valid, and a clock that obeys."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
from sqlalchemy import update

from harvester.ledger import Ledger, actor_runs, clients, leads, new_actor_runs, tables
from harvester.ledger.posts import Found
from harvester.models import ActorRun, ActorRunState, Client, Lead
from harvester.posts import Author, Post, PostKind
from harvester.profile_urls import canonical
from harvester.settings import Settings, load
from services import run_records
from services.budgets import Budgets
from services.plan import Limits

NOW = datetime(2026, 11, 22, 5, 0, 0, tzinfo=UTC)
#: The base run ID that a kickoff at `NOW` mints.
RUN_ID = "261122-050000"
CLIENT_ID = "Guy-Wilson"

#: For a property whose examples share one ledger, each with rows of its own.
on_one_ledger = hypothesis.settings(
    max_examples=30, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)

_FIRST = ("amara", "björn", "chidi", "dana", "elif", "farid", "grace", "hiro", "inés", "jun")
_LAST = ("okafor", "lindqvist", "haddad", "petrova", "nguyen", "de-souza", "mcallister")
_numbers = itertools.count(1)


class FakeClock:
    """Tells the time that it was set to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.now

    def advance(self, **by: float) -> datetime:
        """Go on by as much as `timedelta` takes, such as `seconds=1`, and tell the time."""
        self.now += timedelta(**by)
        return self.now


@contextmanager
def opened(url: str, **options: float) -> Iterator[Ledger]:
    """Open a ledger for the length of a `with` block."""
    ledger = Ledger(url, **options)
    try:
        yield ledger
    finally:
        ledger.close()


def make_settings(**overrides: object) -> Settings:
    """Load valid settings with short timers; `database_url=…` and the like replace single ones."""
    values: dict[str, object] = {
        "apify_token": "apify_api_ThisIsATestToken0123456789",
        "api_tokens": "test-api-token",
        "webhook_secrets": "a-test-key-that-is-longer-than-32-bytes",
        "apify_api_url": "http://127.0.0.1:9",
        "database_url": "sqlite:///var/never-opened-by-tests.db",
        "tick_seconds": 0.05,
        "reconcile_seconds": 1,
        "unknown_start_seconds": 2,
        "retry_base_seconds": 0.05,
        "cost_settle_seconds": 0.1,
        "items_lag_seconds": 1,
        "not_now_seconds": 0.2,
        "look_again_seconds": 0.2,
        "queued_seconds": 1,
        "settle_seconds": 0.001,
        "lease_seconds": 5,
        "apify_timeout_seconds": 4,
        "check_seconds": 1_000_000_000,
        **overrides,
    }
    return load({name.upper(): str(value) for name, value in values.items()}, env_file=None)


def make_limits(**changes: Any) -> Limits:
    """Give the limits that the default settings make."""
    limits = Limits(
        actor_id="harvestapi/linkedin-profile-posts",
        max_posts=2,
        stale_lead=timedelta(seconds=1800),
        budgets=Budgets(daily_micros=5_000_000, monthly_micros=None, run_micros=1_000_000),
        kickoffs_per_hour=60,
    )
    return replace(limits, **changes)


def make_client(ledger: Ledger, client_id: str = CLIENT_ID, **changes: Any) -> Client:
    """Store a client that may harvest."""
    client = Client(
        client_id=client_id,
        name=client_id.replace("-", " "),
        status="Active",
        service_level=2,
        daily_target=10,
        batch_size=20,
        max_batches=10,
        stream=1,
        timezone="UTC",
        airtable_base=None,
        created_at=NOW,
    )
    client = replace(client, **changes)
    with ledger.write() as tx:
        assert clients.add(tx, client)
    return client


def make_leads(ledger: Ledger, client_id: str = CLIENT_ID, count: int = 1, **changes: Any) -> list[Lead]:
    """Store leads that were never looked at, each a minute newer than the one before, newest first.

    `changes` are columns to set on all of them, such as `status` or `posts_actioned`.
    """
    rows = [_person(NOW - timedelta(days=1) + timedelta(minutes=i)) for i in range(count)]
    urls = [row["profile_url"] for row in rows]
    with ledger.write() as tx:
        assert leads.add(tx, client_id, rows) == count
        found = leads.by_urls(tx, client_id, urls)
        if changes:
            of_these = tables.leads.c.id.in_([lead.id for lead in found])
            tx.execute(update(tables.leads).where(of_these).values(**changes))
            found = leads.by_urls(tx, client_id, urls)
    return sorted(found, key=lambda lead: lead.created_at, reverse=True)


def _person(created_at: datetime) -> dict[str, Any]:
    number = next(_numbers)
    first, last = _FIRST[number % len(_FIRST)], _LAST[number % len(_LAST)]
    given_url = f"https://linkedin.com/in/{first}-{last}-{number}/"
    return {
        "profile_url": canonical(given_url),
        "given_url": given_url,
        "name": f"{first} {last}".title(),
        "extra": {"company": f"Example {number} Ltd"},
        "created_at": created_at,
    }


def make_run(
    ledger: Ledger,
    batches: Sequence[Sequence[Lead]],
    *,
    client_id: str = CLIENT_ID,
    run_id: str = RUN_ID,
    now: datetime = NOW,
    target_posts: int | None = None,
    max_batches: int = 10,
    source: str = "orchestrator",
) -> list[ActorRun]:
    """Create a client run record and plan these batches under it. Gives the planned actor runs."""
    with ledger.write() as tx:
        record = run_records.create(
            tx,
            run_id=run_id,
            client_id=client_id,
            client_name=client_id,
            source=source,
            now=now,
            target_posts=target_posts,
            max_batches=max_batches,
        )
        for number, batch in enumerate(batches, start=1):
            new_actor_runs.plan(
                tx,
                batch,
                marker=f"{record.client_run_id}.{number}".replace("-", "_"),
                client_run_id=record.client_run_id,
                client_id=client_id,
                batch=number,
                actor_id="harvestapi/linkedin-profile-posts",
                max_posts=2,
                now=now,
            )
        return actor_runs.of_client_run(tx, record.client_run_id)


def end_run(
    ledger: Ledger,
    run: ActorRun,
    state: ActorRunState = ActorRunState.INGESTED,
    *,
    now: datetime,
    **values: Any,
) -> ActorRun:
    """Bring a batch to its end as the services would: claimed, then moved, with these values."""
    with ledger.write() as tx:
        held = actor_runs.claim(tx, run.id, owner="test", now=now, until=now + timedelta(seconds=25))
        assert held is not None, "the batch is not due"
        started = {"apify_run_id": f"apify{run.id:012}", "start_requested_at": now, "cost_micros": 0}
        return actor_runs.move(tx, held, state, now=now, next_check_at=None, **{**started, **values})


def make_post(post_key: str = "7329207003942125568", **changes: Any) -> Post:
    """Give a post."""
    post = Post(
        post_key=post_key,
        kind=PostKind.ORIGINAL,
        url=f"https://www.linkedin.com/feed/update/urn:li:activity:{post_key}",
        text="Ten years ago we started with one van.",
        text_truncated=False,
        posted_at=NOW - timedelta(days=3),
        author=Author("Amara Okafor", "https://www.linkedin.com/in/amara-okafor"),
        likes=12,
        comments=3,
        reposts=1,
        images=(),
        target_url=None,
        found_under=(),
    )
    return replace(post, **changes)


def found(post: Post, lead: Lead) -> Found:
    """Give a post as an actor run brings it."""
    return Found(post, lead.id, raw=b"{}")
