"""Trying a client run again after it has ended: the same record goes on with the leads that have no answer.

What was found stays, and is paid for once: a lead with posts, or of which the actor said that it has none,
is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from harvester import log
from harvester.ledger import (
    Ledger,
    Tx,
    activity,
    actor_runs,
    client_runs,
    clients,
    job_runs,
    lead_records,
    leads,
)
from harvester.models import ActorRun, ActorRunState, Client, ClientRun, ClientRunStatus, Lead
from services import run_records
from services.eligibility import why_not
from services.kickoff import Answer, ClientsNotRead, ReadClients, UnknownClient, Unread
from services.lots import batches_in
from services.plan import AIRTABLE, Limits, need_of, plan_these, profiles_for
from services.run_ends import NothingToRetry, UnknownRun

_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)
_MOMENT = timedelta(microseconds=1)

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Again:
    """A client run that is to go on: its client, what it had, and since when it goes on."""

    run: ClientRun
    client: Client
    batches: Sequence[ActorRun]
    now: datetime

    @property
    def chosen(self) -> bool:
        """True if it was given its profiles, instead of a target."""
        return self.run.target_posts is None

    @property
    def is_open(self) -> bool:
        """True if something of it is at work still: it was open for too long."""
        return any(batch.state not in _OVER for batch in self.batches)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who is asked for again, in how many batches more; or that Airtable is to be read for that first."""

    leads: list[Lead]
    batches: int
    to_read: bool


class Retry:
    """Has a client run go on that ended `Failed`, `Completed with Errors` or `Cancelled`."""

    def __init__(
        self,
        ledger: Ledger,
        limits: Limits,
        clock: Callable[[], datetime],
        *,
        read_clients: ReadClients | None = None,
    ) -> None:
        """Build it. With `read_clients`, intake reads the leads of Airtable's clients when it is asked."""
        self._ledger = ledger
        self._limits = limits
        self._clock = clock
        self._read_clients = read_clients

    def __call__(self, full_id: str, *, by: str) -> Answer:
        """Try one client run again, on behalf of `by`; answered as a kickoff is.

        Raises `UnknownRun`, `UnknownClient`, `ClientsNotRead`, `NothingToRetry`, and `LedgerUnavailable` when
        nothing could be written.
        """
        with self._ledger.read() as tx:
            client_id = _known(client_runs.get(tx, full_id), full_id).client_id
        unread = self._read_clients() if self._read_clients is not None else None
        try:
            with self._ledger.write() as tx:
                tx.exclusively(f"client:{client_id}")  # as a kickoff of it does
                live = client_runs.live_of(tx, client_id)
                if live is not None:
                    raise run_records.ClientBusy(live)
                return self._answered(tx, self._again(tx, full_id, unread), by)
        except run_records.ClientBusy as busy:
            return Answer("run_in_progress", client_id, busy.live.run_id, busy.live.client_run_id)

    def ahead(self, full_id: str) -> tuple[int, str | None]:
        """Say how many leads a retry would ask for at first, and why it would not go on. Writes nothing.

        Raises `UnknownRun`, `UnknownClient`, `NothingToRetry`.
        """
        with self._ledger.read() as tx:
            again = self._again(tx, full_id, None, lock=False)
            skipped = self._skipped(tx, again)
            if skipped is not None:
                return 0, skipped.reason
            return len(self._wanted(tx, again, lock=False).leads), None

    def _again(self, tx: Tx, full_id: str, unread: Unread | None, *, lock: bool = True) -> _Again:
        run = _known(client_runs.get(tx, full_id, lock=lock), full_id)
        if run.status is ClientRunStatus.COMPLETED:
            raise NothingToRetry(f"client run {full_id} is {run.status}: nothing of it went wrong")
        client = clients.get(tx, run.client_id)
        if client is None:
            raise UnknownClient(f"there is no client {run.client_id}")
        if unread is not None and unread.too_old and client.origin == AIRTABLE:
            raise ClientsNotRead(f"what is known of {client.client_id} is too old to go by: {unread.problem}")
        batches = actor_runs.of_client_run(tx, run.client_run_id)
        # Later than all that it had: the clocks of two machines are never quite the same.
        now = max([self._clock(), *(batch.created_at + _MOMENT for batch in batches)])
        return _Again(run, client, batches, now)

    def _answered(self, tx: Tx, again: _Again, by: str) -> Answer:
        skipped = self._skipped(tx, again)
        if skipped is not None:
            return skipped
        run, wanted = again.run, self._wanted(tx, again)
        self._reopened(tx, again, batches_in(again.batches) + wanted.batches, by)
        if wanted.to_read:
            client_runs.ask_for_leads(tx, run.client_run_id, at=again.now)
        else:
            self._planned(tx, again, wanted.leads, None if again.chosen else wanted.batches)
        return Answer("accepted", run.client_id, run.run_id, run.client_run_id)

    def _skipped(self, tx: Tx, again: _Again) -> Answer | None:
        client = again.client
        skip = why_not(tx, client, self._limits, again.now, chosen=again.chosen)
        if skip is not None:
            return Answer("skipped", client.client_id, code=skip.code, reason=skip.reason)
        if client.airtable_error is not None:
            reason = f"the client is closed: {client.airtable_error}"
            return Answer("skipped", client.client_id, code="client_closed", reason=reason)
        return None

    def _wanted(self, tx: Tx, again: _Again, *, lock: bool = True) -> _Wanted:
        """Say who is asked for. Raises `NothingToRetry` if nobody is, and nothing is at work."""
        batches = max(0, need_of(tx, again.client, self._limits, again.now).batches)
        read = self._read_clients is not None and again.client.origin == AIRTABLE and not again.chosen
        found = self._leads(tx, again, batches, own_alone=read, lock=lock)
        to_read = read and batches > 0 and not found
        if not (found or again.is_open or to_read):
            raise NothingToRetry(_nothing(again.run, batches, again))
        return _Wanted(found, batches, to_read)

    def _leads(self, tx: Tx, again: _Again, batches: int, *, own_alone: bool, lock: bool) -> list[Lead]:
        """Pick its own leads that have no answer, and those that are due besides if it has a target.

        `own_alone`: Airtable says which others are due, and settling asks it. It may not have been told yet
        that its own are.
        """
        left = leads.unanswered_in(tx, again.run.client_run_id)
        if again.chosen:
            return left
        posts = need_of(tx, again.client, self._limits, again.now).posts
        profiles = profiles_for(again.client, self._limits, posts=posts, batches=batches)
        if profiles < 1:
            return []
        stale = self._limits.stale_lead
        still_due = lead_records.due_among(tx, [one.id for one in left], now=again.now, stale_after=stale)
        own = [lead for lead in left if lead.id in still_due][:profiles]
        if own_alone:
            return own
        limit, client_id = profiles + len(own), again.client.client_id
        due = leads.due(tx, client_id, now=again.now, stale_after=stale, limit=limit, not_in="", lock=lock)
        ids = {lead.id for lead in own}
        return [*own, *(lead for lead in due if lead.id not in ids)][:profiles]

    def _reopened(self, tx: Tx, again: _Again, max_batches: int, by: str) -> None:
        run, now = again.run, again.now
        told = f"tried again by {by}, after it had ended {run.status}"
        notes = f"{run.system_notes}\n{run_records.noted(told, now)}"
        if not client_runs.reopen(
            tx, run.client_run_id, now=now, system_notes=notes, max_batches=max_batches
        ):
            raise run_records.ClientBusy(client_runs.live_of(tx, run.client_id) or run)
        for run_id in sorted({run.run_id, *job_runs.waiting_for(tx, run.client_run_id)}):
            job_runs.reopen(tx, run_id)
        ids = {"client_run_id": run.client_run_id, "client_id": run.client_id}
        activity.record(tx, "retry", source=by, **ids, ok=True, detail=told, now=now)
        full_id = run.client_run_id
        tx.after_commit(lambda: _log.info("Client run %s is %s", full_id, told, clientRunId=full_id))

    def _planned(self, tx: Tx, again: _Again, found: Sequence[Lead], batches: int | None) -> None:
        posts = max((batch.max_posts for batch in again.batches), default=self._limits.max_posts)
        plan_these(
            tx,
            again.client,
            self._limits,
            found,
            client_run_id=again.run.client_run_id,
            max_posts=posts if again.chosen else self._limits.max_posts,
            now=again.now,
            batches=batches,
        )


def _known(run: ClientRun | None, full_id: str) -> ClientRun:
    if run is None:
        raise UnknownRun(full_id)
    return run


def _nothing(run: ClientRun, batches: int, again: _Again) -> str:
    if batches < 1 and not again.chosen:
        return f"the batches of {run.client_id}'s day are used up"
    return f"no lead of client run {run.client_run_id} is left that has no answer"
