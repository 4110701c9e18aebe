"""What services are built with, from the settings: limits, terms, patience, the steps of an actor run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from harvester.apify import Apify
from harvester.ledger import Ledger
from harvester.models import ActorRunState
from harvester.settings import Settings
from services.advance import Step
from services.budgets import Budgets
from services.follow import Follow
from services.ingest import Ingest, Patience
from services.late_costs import LateCosts
from services.orphans import Orphans
from services.plan import Limits
from services.reckoning import Reckoning
from services.search import Patience as SearchPatience
from services.search import Search
from services.start import Start, StartTerms

WEBHOOK_PATH = "/api/apify-webhook"
Clock = Callable[[], datetime]


def limits(settings: Settings) -> Limits:
    """Say what bounds a plan."""
    return Limits(
        actor_id=settings.apify_actor_id,
        max_posts=settings.apify_max_posts,
        stale_lead=timedelta(seconds=settings.stale_lead_seconds),
        budgets=budgets(settings),
        kickoffs_per_hour=settings.kickoffs_per_hour,
    )


def budgets(settings: Settings) -> Budgets:
    """Say what may be spent."""
    monthly = settings.monthly_budget_usd
    return Budgets(
        daily_micros=micros(settings.daily_budget_usd),
        monthly_micros=None if monthly is None else micros(monthly),
        run_micros=micros(settings.apify_max_charge_usd),
    )


def steps(
    settings: Settings,
    ledger: Ledger,
    apify: Apify,
    start: Start,
    search: Search,
    orphans: Orphans,
    clock: Clock,
) -> dict[ActorRunState, Step]:
    """Build the steps of an actor run's states."""
    reconcile = timedelta(seconds=settings.reconcile_seconds)
    follow = Follow(
        ledger,
        apify,
        search.provenance,
        clock,
        reconcile=reconcile,
        look_again=timedelta(seconds=settings.look_again_seconds),
        gone_after=timedelta(seconds=settings.gone_seconds),
        adopt_told=search.adopt_told,
        take_in_orphans=orphans,
    )
    patience = Patience(
        lease=timedelta(seconds=settings.lease_seconds),
        cost_settles=timedelta(seconds=settings.cost_settle_seconds),
        items_lag=timedelta(seconds=settings.items_lag_seconds),
        look_again=timedelta(seconds=settings.retry_base_seconds),
    )
    ingest = Ingest(ledger, apify, patience, reckoning(settings), clock)
    return {
        ActorRunState.PLANNED: start.planned,
        ActorRunState.STARTING: search.starting,
        ActorRunState.START_UNKNOWN: search.start_unknown,
        ActorRunState.RUNNING: follow.running,
        ActorRunState.ENDED: ingest,
        ActorRunState.INGESTING: ingest,
        ActorRunState.INGESTED: follow.ingested,
        ActorRunState.FAILED: follow.ingested,
    }


def reckoning(settings: Settings) -> Reckoning:
    """Say what an actor run is measured against."""
    return Reckoning(budgets(settings), settings.scrape_comments, settings.scrape_reactions)


def late_costs(settings: Settings, ledger: Ledger, apify: Apify, clock: Clock) -> LateCosts:
    """Build what asks for costs that come late."""
    return LateCosts(
        ledger,
        apify,
        reckoning(settings),
        clock,
        settles=timedelta(seconds=settings.cost_settle_seconds),
        every=timedelta(seconds=settings.reconcile_seconds),
    )


def start_terms(settings: Settings) -> StartTerms:
    """Say what every start is told."""
    return StartTerms(
        webhook_url=settings.public_url.rstrip("/") + WEBHOOK_PATH,
        posted_limit=settings.apify_posted_limit,
        max_comments=settings.scrape_comments,
        max_reactions=settings.scrape_reactions,
        run_timeout_seconds=settings.actor_run_timeout_seconds,
        budgets=budgets(settings),
        max_in_flight=settings.max_actor_runs,
        not_now=timedelta(seconds=settings.not_now_seconds),
        look_again=timedelta(seconds=settings.look_again_seconds),
    )


def search_patience(settings: Settings) -> SearchPatience:
    """Say how long a lost start is searched for."""
    return SearchPatience(
        unknown_start=timedelta(seconds=settings.unknown_start_seconds),
        give_up=timedelta(seconds=settings.client_run_timeout_seconds),
        every=timedelta(seconds=settings.not_now_seconds),
        reconcile=timedelta(seconds=settings.reconcile_seconds),
        lease=timedelta(seconds=settings.lease_seconds),
    )


def micros(usd: Decimal) -> int:
    """Turn USD into whole millionths."""
    return int(usd * 1_000_000)
