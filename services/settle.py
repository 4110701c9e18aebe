"""Settling a client run: when nothing of it is open any more, plan what is still missing, or complete it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from harvester import tracing
from harvester.errors import LostLease
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, clients
from harvester.models import ActorRun, ActorRunState, Client, ClientRun, ClientRunStatus
from services import budgets, jobs, pauses, run_records
from services.alerts import harvest_ended
from services.eligibility import USED_UP
from services.lots import batches_in
from services.outcome import CANCELLED, CANCELLED_REASON, give_up
from services.plan import AIRTABLE, Limits, need_of, not_entitled, plan_due, profiles_for
from services.verdict import NOTE_CHARS, counted, has_only_met_its_budget, verdict

_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)


class Settle:
    """Decides, once nothing is open, whether a client run goes on or is over."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        timeout: timedelta,
        leads_are_read: bool = False,
    ) -> None:
        """Build it. With `leads_are_read`, intake reads the leads of Airtable's clients when it is asked."""
        self._leads_are_read = leads_are_read
        self._timeout = timeout
        self._ledger = ledger
        self._limits = limits
        self._clock = clock

    def __call__(self, full_id: str) -> None:
        """Settle one client run. Changes nothing while an actor run of it is open, or once it is over."""
        self._give_up_planned(full_id)
        with self._ledger.write() as tx:
            run = client_runs.get(tx, full_id, lock=True)
            if run is None:
                jobs.record_deleted(tx, full_id, now=self._clock())
            if run is None or run.status is not ClientRunStatus.RUNNING:
                return
            batches = actor_runs.of_client_run(tx, full_id)
            now = self._clock()
            if any(batch.state not in _OVER for batch in batches):
                if self._is_overdue(run):
                    self._timed_out(tx, run, batches, now)
            elif run.cancel_requested_at is not None:
                self._cancelled(tx, run, now)
            elif not self._waits(tx, run, batches, now):
                with tracing.span("settle", full_id, batches=len(batches)):
                    self._went_on(tx, run, batches, now)

    def _give_up_planned(self, full_id: str) -> None:
        """Of a client run that is cancelled, or open for too long, start nothing more.

        Each row by itself, and before the record is locked: a step locks its row first, and then the record.
        """
        with self._ledger.read() as tx:
            run = client_runs.get(tx, full_id)
            unwanted = self._unwanted(tx, run) if run is not None else None
            if unwanted is None:
                return
            batches = actor_runs.of_client_run(tx, full_id)
        code, reason = unwanted
        for batch in batches:
            if batch.state is ActorRunState.PLANNED:
                with suppress(LostLease), self._ledger.write() as tx:  # lost to whoever starts it just now
                    give_up(tx, batch, code=code, reason=reason, now=self._clock())

    def _unwanted(self, tx: Tx, run: ClientRun) -> tuple[str, str] | None:
        """Say by code and reason why nothing more is to be started for a live client run; None if it is."""
        if run.status is not ClientRunStatus.RUNNING:
            return None
        if run.cancel_requested_at is not None:
            return CANCELLED, CANCELLED_REASON
        if not self._is_overdue(run):
            return None
        paused = pauses.why_waiting(tx, run.client_id)
        overdue = f"not started within {self._in_hours()} of the kickoff"
        return "client_run_timed_out", overdue if paused is None else f"{overdue}: {paused}"

    def _is_overdue(self, run: ClientRun) -> bool:
        return self._clock() - run.begun_at >= self._timeout

    def due(self, tx: Tx, limit: int) -> list[str]:
        """Name the client runs that have nothing open, or are open for too long."""
        made_by = self._clock() - self._timeout
        return client_runs.to_settle(tx, made_by=made_by, limit=limit, leads_are_read=self._leads_are_read)

    def no_more(self, tx: Tx, run: ClientRun, *, failed: str | None = None) -> None:
        """End a client run for which intake has found no more leads, or has `failed` to read them.

        One that has an actor run open, which Apify has resurrected, is left to settle itself when that ends.
        """
        client_runs.ask_for_leads(tx, run.client_run_id, at=None)
        batches = actor_runs.of_client_run(tx, run.client_run_id)
        if any(batch.state not in _OVER for batch in batches):
            return
        if run.cancel_requested_at is not None:
            self._cancelled(tx, run, self._clock())
        elif failed is None:
            self._completed(tx, run, batches, self._clock())
        else:
            self._stopped(tx, run, batches, failed, self._clock())

    def _waits(self, tx: Tx, run: ClientRun, batches: list[ActorRun], now: datetime) -> bool:
        """Say whether somebody else is to go on with it: intake, or a person.

        A record made by hand has no plan of its own: its actor runs may be known to that person alone.
        """
        by_hand = run.source == run_records.MANUAL and not batches
        return not self._is_overdue(run) and (by_hand or self._leads_asked_for(tx, run))

    def _leads_asked_for(self, tx: Tx, run: ClientRun) -> bool:
        return self._leads_are_read and client_runs.leads_asked_for(tx, run.client_run_id) is not None

    def _went_on(self, tx: Tx, run: ClientRun, batches: list[ActorRun], now: datetime) -> None:
        """Plan what is still missing, or have leads read for it, or complete the client run."""
        client = clients.get(tx, run.client_id)
        posts = self.missing(tx, run, client, batches)
        if client is not None and client.airtable_error is not None and (posts or not counted(run, batches)):
            self._stopped(tx, run, batches, f"the client is closed: {client.airtable_error}", now)
        elif client is None or not posts or not self._planned_more(tx, client, run, batches, posts, now):
            self._completed(tx, run, batches, now)

    def missing(self, tx: Tx, run: ClientRun, client: Client | None, batches: list[ActorRun]) -> int:
        """Count the posts that a client run may still look for; 0 if it may not go on."""
        if (
            run.target_posts is None
            or client is None
            or run.cancel_requested_at is not None
            or not_entitled(client) is not None
            or self._is_overdue(run)
            or any(batch.state is ActorRunState.FAILED for batch in counted(run, batches))
        ):
            return 0
        now = self._clock()
        need = need_of(tx, client, self._limits, now)
        room = profiles_for(
            client, self._limits, posts=need.posts, batches=run.max_batches - batches_in(batches)
        )
        may_pay = budgets.spent(tx, client, self._limits.budgets, now) is None
        return need.posts if room > 0 and may_pay else 0

    def _planned_more(
        self, tx: Tx, client: Client, run: ClientRun, batches: list[ActorRun], posts: int, now: datetime
    ) -> bool:
        if self._leads_are_read and client.origin == AIRTABLE:
            client_runs.ask_for_leads(tx, run.client_run_id, at=now)
            return True
        planned = plan_due(
            tx,
            client,
            self._limits,
            client_run_id=run.client_run_id,
            posts=posts,
            batches=run.max_batches - batches_in(batches),
            now=now,
        )
        return planned > 0

    def _completed(self, tx: Tx, run: ClientRun, batches: list[ActorRun], now: datetime) -> None:
        if self._leads_asked_for(tx, run):  # for too long, or it would still wait
            self._stopped(tx, run, batches, f"its leads were not read within {self._in_hours()}", now)
            return
        status, note = verdict(run, batches)
        if not batches and run.source == run_records.MANUAL:
            status, note = ClientRunStatus.FAILED, "made by hand, and no actor run came of it"
        elif not batches and run.max_batches < 1:
            note = USED_UP
        says_it = bool(batches) and not has_only_met_its_budget(run, batches)
        self._ended(tx, run, status, note, now, is_word=says_it)

    def _stopped(self, tx: Tx, run: ClientRun, batches: list[ActorRun], reason: str, now: datetime) -> None:
        """End a client run that cannot go on, although it should."""
        status, note = verdict(run, batches)
        if not batches:
            status, note = ClientRunStatus.FAILED, reason
        else:
            note = f"{note}; then it could not go on: {reason}"
        if status is ClientRunStatus.COMPLETED:
            status = ClientRunStatus.COMPLETED_WITH_ERRORS
        self._ended(tx, run, status, note[:NOTE_CHARS], now)

    def _cancelled(self, tx: Tx, run: ClientRun, now: datetime) -> None:
        self._ended(tx, run, ClientRunStatus.CANCELLED, "cancelled; what was found until then is kept", now)

    def _in_hours(self) -> str:
        return f"{self._timeout / timedelta(hours=1):g} h"

    def _timed_out(self, tx: Tx, run: ClientRun, batches: list[ActorRun], now: datetime) -> None:
        """End it, so that its client can be harvested again. What it has at Apify is still ingested."""
        left = [batch for batch in batches if batch.state not in _OVER]
        told = "; ".join(f"batch {one.batch} is {one.state}: {one.error or 'no error'}" for one in left)
        note = f"open for more than {self._in_hours()}: {told}"[:NOTE_CHARS]
        wanted = run.cancel_requested_at is None
        self._ended(tx, run, ClientRunStatus.FAILED if wanted else ClientRunStatus.CANCELLED, note, now)

    def _ended(
        self,
        tx: Tx,
        run: ClientRun,
        status: ClientRunStatus,
        note: str,
        now: datetime,
        *,
        is_word: bool = True,
    ) -> None:
        client_runs.ask_for_leads(tx, run.client_run_id, at=None)
        if run_records.complete(tx, run, status, source="settle", note=note, now=now):
            harvest_ended(tx, run, status, note, now, is_word=is_word)
            tx.after_commit(lambda: _traced(run, status, now))
        jobs.client_run_ended(tx, run, now=now)


def _traced(run: ClientRun, status: ClientRunStatus, now: datetime) -> None:
    """Send the span of all of a client run; of one that was taken up again, that of the second part."""
    told = {"client_id": run.client_id, "source": run.source, "status": status}
    if run.retried_at is None:
        tracing.whole(run.client_run_id, run.started_at, now, **told)
    else:
        tracing.past("retry", run.client_run_id, run.retried_at, now, **told)
