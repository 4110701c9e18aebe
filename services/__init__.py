"""The verbs of post-harvester, and where they are put together: everything is built here from the settings
and handed down as arguments. Nothing below knows Flask or the environment.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from harvester import log, tracing
from harvester.apify import Apify
from harvester.ledger import Ledger, schema
from harvester.ledger.clock import LedgerClock
from harvester.normalise import startable
from harvester.settings import Settings
from harvester.webhook_tokens import TokenSigner
from services import job_side, terms
from services.account import ReadAccount
from services.advance import Advance
from services.alerts import Alerts, Standing
from services.api_tokens import ApiTokens
from services.board import Board
from services.cancel import Cancel
from services.chores import Chore, Chores
from services.client_history import ClientHistory
from services.companions import Companions
from services.consistency import consistency
from services.costs import Costs
from services.counters import Counters
from services.coverage import Coverage
from services.dead_letters import DeadLetters
from services.deliveries import Deliveries
from services.drift_report import Drift
from services.heartbeats import Heartbeats
from services.job_reports import JobReports
from services.kickoff import Kickoff
from services.orphans import Orphans
from services.outages import Outages
from services.overview import Overview
from services.pauses import Pauses
from services.plan import Limits
from services.post_search import PostSearch
from services.preview import Previews
from services.process import Process
from services.provenance import Provenance
from services.pulse import Pulse
from services.readiness import Readiness
from services.reconcile import Reconcile
from services.replay import Replay
from services.retry import Retry
from services.schedule import Rules, Schedule
from services.scheduled import Scheduled, job_runs_of
from services.search import Search
from services.settle import Settle
from services.sign_in import SignIn
from services.smart_resume import SmartResume
from services.start import Start
from services.story import Story
from services.tick import Tick
from services.trail import Trail
from services.unreachable import answers
from services.watch import Watch

if TYPE_CHECKING:
    from services.airtable_side import AirtableSide

RECONCILE: Final = "reconcile"
_ALERTS: Final = "alerts"
_CHECK: Final = "check"
_WATCH: Final = "watch"
_JOBS: Final = "jobs"
_ACCOUNT: Final = "account"
#: How long alerts wait that no service has taken.
_ALERTS_AGAIN: Final = timedelta(minutes=1)
_SCHEDULES: Final = "schedules"
_SCHEDULE_CHANGES: Final = "schedule changes"
_HEARTBEAT: Final = "heartbeat"
_CHANGES_EVERY: Final = timedelta(minutes=1)
#: Longer than a ping takes.
_PING_LEASE: Final = timedelta(seconds=30)
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Services:
    """All of them, for one process."""

    settings: Settings
    ledger: Ledger
    apify: Apify
    kickoff: Kickoff
    process: Process
    smart_resume: SmartResume
    job_reports: JobReports
    deliveries: Deliveries
    advance: Advance
    settle: Settle
    tick: Tick
    reconcile: Reconcile
    chores: Chores
    dead_letters: DeadLetters
    replay: Replay
    overview: Overview
    posts: PostSearch
    companions: Companions
    trail: Trail
    cancel: Cancel
    retry: Retry
    coverage: Coverage
    alerts: Standing
    preview: Previews
    schedule: Schedule
    pauses: Pauses
    costs: Costs
    drift: Drift
    sign_in: SignIn
    api_tokens: ApiTokens
    story: Story
    board: Board
    client_history: ClientHistory
    counters: Counters
    readiness: Readiness
    pulse: Pulse
    #: None where Airtable is off.
    airtable: AirtableSide | None
    clock: Clock

    def close(self) -> None:
        """Close what is open."""
        if self.airtable is not None:
            self.airtable.close()
        self.ledger.close()
        tracing.flush()


def now_utc() -> datetime:
    """Tell the time."""
    return datetime.now(UTC)


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    apify: Apify | None = None,
    ledger: Ledger | None = None,
) -> Services:
    """Put everything together, with the ledger at the newest schema; what else is given replaces our own.

    Opens no connection to Apify. Build after a fork, never before. Raises `InvalidInput` for an actor that
    cannot be started, `LedgerUnavailable`, and `LedgerTooNew`.
    """
    startable(settings.apify_actor_id)
    log.hide(settings.secret_values())
    tracing.begin(settings.otel_exporter_otlp_endpoint)
    ledger = ledger or Ledger(settings.database_url.get_secret_value(), lock_seconds=settings.lock_seconds)
    schema.migrate(ledger)
    common = LedgerClock()
    ledger.at_each_begin(common.correct)
    with ledger.read():
        clock = clock or common
    apify = apify or Apify(
        token=settings.apify_token.get_secret_value(),
        api_url=settings.apify_api_url,
        timeout_seconds=settings.apify_timeout_seconds,
        input_seconds=settings.input_lag_seconds,
        answer_bytes=settings.apify_answer_mb * 2**20,
    )
    signer = TokenSigner(settings.webhook_secrets)
    limits = terms.limits(settings)
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    settle = Settle(
        ledger,
        limits,
        clock,
        timeout=timedelta(seconds=settings.client_run_timeout_seconds),
        leads_are_read=settings.airtable_api_key is not None,
    )
    airtable = _airtable(settings, ledger, limits, settle, owner, clock)
    static = [settings.apify_webhook_token] if settings.apify_webhook_token else []
    retry_base = timedelta(seconds=settings.retry_base_seconds)
    lease = timedelta(seconds=settings.lease_seconds)
    outages = Outages(ledger, clock, first_wait=retry_base, trial=lease)
    provenance = Provenance(apify, clock)
    orphans = Orphans(ledger, apify, provenance, clock)
    search = Search(ledger, apify, provenance, terms.search_patience(settings), clock)
    start = Start(ledger, apify, signer, terms.start_terms(settings), search, clock)
    reconcile = Reconcile(
        ledger,
        apify,
        orphans,
        provenance,
        search.adopt,
        terms.late_costs(settings, ledger, apify, clock),
        clock,
        window=timedelta(seconds=settings.client_run_timeout_seconds),
        stale_lead=timedelta(seconds=settings.stale_lead_seconds),
        lease=lease,
    )
    chores = {RECONCILE: Chore(timedelta(seconds=settings.reconcile_seconds), reconcile)}
    nightly = consistency(settings, ledger, settle, reconcile, airtable, clock).nightly
    chores[_CHECK] = Chore(timedelta(seconds=settings.check_seconds), nightly, at_once=False)
    tell = Alerts(ledger, settings.alert_urls, clock)
    chores[_ALERTS] = Chore(_ALERTS_AGAIN, tell, when=tell.due)
    watch = Watch(ledger, clock, nothing_ran=timedelta(seconds=settings.nothing_ran_seconds))
    chores[_WATCH] = Chore(watch.every, watch, at_once=False)
    read_account = ReadAccount(ledger, apify, clock)
    chores[_ACCOUNT] = Chore(timedelta(seconds=settings.account_seconds), read_account)
    read_clients = None if airtable is None else airtable.read_clients
    read_leads = None if airtable is None else airtable.read_leads
    kickoff = Kickoff(ledger, limits, clock, read_clients=read_clients)
    job_runs = job_side.build(
        settings, ledger, kickoff, limits, clock, owner=owner, read_clients=read_clients
    )
    chores[_JOBS] = job_runs.chore
    rules = Rules(settings.schedule, settings.schedule_timezone, settings.schedule_missed)
    schedule = Schedule(ledger, rules, clock)
    scheduled = Scheduled(ledger, job_runs_of(job_runs.process), clock, missed=rules.missed)
    chores[_SCHEDULES] = Chore(lease, scheduled, when=scheduled.due)
    chores[_SCHEDULE_CHANGES] = Chore(_CHANGES_EVERY, schedule.sync)
    heartbeats = Heartbeats(ledger, settings.heartbeat_url, clock)
    chores[_HEARTBEAT] = Chore(_PING_LEASE, heartbeats, when=heartbeats.due)
    return Services(
        settings=settings,
        ledger=ledger,
        apify=apify,
        kickoff=kickoff,
        process=job_runs.process,
        smart_resume=job_runs.smart_resume,
        job_reports=job_runs.reports,
        deliveries=Deliveries(ledger, signer, static, clock),
        advance=Advance(
            ledger,
            terms.steps(settings, ledger, apify, start, search, orphans, clock),
            settle,
            outages,
            owner=owner,
            lease=lease,
            retry_base=retry_base,
            answers=lambda: answers(apify),
            patience=timedelta(seconds=settings.client_run_timeout_seconds),
            clock=clock,
        ),
        settle=settle,
        tick=Tick(
            ledger,
            settle,
            outages,
            max_in_flight=settings.max_actor_runs,
            queued=timedelta(seconds=settings.queued_seconds),
            ends_seconds=settings.settle_seconds,
            clock=clock,
        ),
        reconcile=reconcile,
        chores=Chores(ledger, chores, clock),
        dead_letters=DeadLetters(ledger, clock),
        replay=Replay(ledger, clock),
        overview=Overview(ledger, mirrored=airtable is not None),
        posts=PostSearch(ledger),
        companions=Companions(ledger),
        trail=Trail(ledger),
        cancel=Cancel(ledger, settle, clock),
        retry=Retry(ledger, limits, clock, read_clients=read_clients),
        coverage=Coverage(ledger),
        alerts=Standing(ledger, clock),
        preview=Previews(ledger, limits, clock, read_clients=read_clients, read_leads=read_leads),
        schedule=schedule,
        pauses=Pauses(ledger, clock, max_in_flight=settings.max_actor_runs),
        costs=Costs(ledger, limits.budgets, clock),
        drift=Drift(ledger),
        sign_in=SignIn(ledger, settings.operator_password_hash, clock),
        api_tokens=ApiTokens(ledger, clock),
        story=Story(ledger),
        board=Board(
            ledger,
            limits.budgets,
            clock,
            mirrored=airtable is not None,
            max_in_flight=settings.max_actor_runs,
            scheduled=settings.schedule is not None,
        ),
        client_history=ClientHistory(ledger, clock),
        counters=Counters(ledger, clock, mirrored=airtable is not None),
        readiness=Readiness(ledger, clock),
        pulse=Pulse(ledger, clock),
        airtable=airtable,
        clock=clock,
    )


def _airtable(
    settings: Settings, ledger: Ledger, limits: Limits, settle: Settle, owner: str, clock: Clock
) -> AirtableSide | None:
    if settings.airtable_api_key is None:
        return None
    from services import airtable_side  # with its client, which takes half a second to import

    return airtable_side.build(settings, ledger, limits, settle, owner, clock)
