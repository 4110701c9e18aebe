"""Searching for the actor run of a lost start: by its marker, in the list and where webhooks tell of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import ApifyError, BadAnswer, Gone, Refused, StartUnknown
from harvester.ledger import Ledger, actor_runs, client_runs, deliveries
from harvester.models import ActorRun, ActorRunState, ClientRunStatus
from services import run_records
from services.outcome import give_up
from services.provenance import CLOCK_SKEW, FOREIGN, Provenance, accepted
from services.quarantine import Quarantine, told_of

_log = log.get_logger(__name__)

#: What became of a row whose actor run was looked for.
Placed = Literal["adopted", "set aside"]
#: The states of a row whose actor run nobody knows, though it may have one.
_SEARCHED: Final = (ActorRunState.STARTING, ActorRunState.START_UNKNOWN)
#: The wait between two searches doubles this often at most.
_DOUBLINGS: Final = 8


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long is searched, and how often, from the settings."""

    unknown_start: timedelta
    give_up: timedelta
    every: timedelta
    reconcile: timedelta
    lease: timedelta


class Search:
    """The steps of a row whose start was sent and not answered."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        provenance: Provenance,
        patience: Patience,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self.provenance = provenance
        self._quarantine = Quarantine(ledger, clock)
        self._patience = patience
        self._clock = clock

    def starting(self, run: ActorRun) -> None:
        """Take over a row whose process died in mid-start: whether the start arrived is unknown."""
        with self._ledger.write() as tx:
            unknown = actor_runs.keep(tx, run, now=self._clock(), state=ActorRunState.START_UNKNOWN)
        self.start_unknown(unknown)

    def start_unknown(self, run: ActorRun) -> None:
        """Search Apify for the actor run. Found: adopt it. Not found for long enough: plan it again."""
        if self.adopt_told(run):
            return
        if run.error_code == FOREIGN:  # and what was paid for is not paid for again
            self._quarantine.still(run)
            return
        began = _began(run)
        try:
            if self.adopt(run, self._apify.runs_since(run.actor_id, began - CLOCK_SKEW)):
                return
        except (BadAnswer, Gone, Refused) as error:
            # A search that could not look at everything is no clean one.
            if self._clock() - began >= self._patience.give_up:
                self._search_ended(run, error)
                return
            if not (isinstance(error, BadAnswer) and self._left(run) > timedelta(0)):
                raise
        if self._left(run) > timedelta(0):
            self._search_again(run)
        else:
            self._not_found(run)

    def _left(self, run: ActorRun) -> timedelta:
        until = _began(run) + self._patience.unknown_start
        return max(until, run.search_until or until) - self._clock()

    def _search_again(self, run: ActorRun) -> None:
        """Less and less often: after an outage there are many of these, and a webhook tells sooner."""
        wait = min(self._patience.every * 2.0 ** min(run.put_offs, _DOUBLINGS), self._left(run))
        now = self._clock()
        with self._ledger.write() as tx:
            put_off = {"put_offs": run.put_offs + 1, **accepted(run)}
            actor_runs.move(tx, run, run.state, now=now, next_check_at=now + wait, **put_off)

    def _not_found(self, run: ActorRun) -> None:
        now = self._clock()
        with self._ledger.write() as tx:
            record = client_runs.get(tx, run.client_run_id)
            if record is not None and (
                record.status is not ClientRunStatus.RUNNING or record.cancel_requested_at
            ):
                ended = f"has ended {record.status}" if record.finished_at else "was cancelled"
                reason = f"its start was lost, and its client run {ended}"
                give_up(tx, run, code=StartUnknown.code, reason=reason, now=now)
                return
            actor_runs.move(tx, run, ActorRunState.PLANNED, now=now, next_check_at=now)
        _log.warning("No actor run of this start was found; it is started again", attempt=run.attempt)

    def _search_ended(self, run: ActorRun, error: ApifyError) -> None:
        """Apify lets nobody search any more. Should the lost run's webhook still come, it is adopted then."""
        with self._ledger.write() as tx:
            reason = f"a start was lost and cannot be searched for: {error}"
            give_up(tx, run, code=StartUnknown.code, reason=reason, now=self._clock())

    def adopt_told(self, run: ActorRun) -> Placed | None:
        """Adopt the actor run of a lost start that a webhook told of, however late. None if none did."""
        with self._ledger.read() as tx:
            told = deliveries.unread_run_ids(tx, run.id)
        return self.adopt(run, self._read(run, told))

    def adopt(self, run: ActorRun, candidates: Iterable[ApifyRun]) -> Placed | None:
        """Adopt the first of these actor runs that bears this row's marker. None if none does.

        What is somebody else's is set aside; if it bears the marker all the same, the row waits for a person
        with it, for then it was paid for. Raises `BadAnswer` if none does of those that could be looked at,
        and some could not.
        """
        unread: BadAnswer | None = None
        renewed_at = self._clock()
        for found in candidates:
            if self._clock() - renewed_at > self._patience.lease / 5:  # a list may hold many
                renewed_at = self._renewed(run)
            with self._ledger.read() as tx:
                taken = actor_runs.known_apify_run_ids(tx, [found.id])
            why = None if taken else self.provenance.not_of(run, found)
            if why is not None and self._waits_with(run, found, why):
                return "set aside"
            try:
                ours = not taken and why is None and self._is_of(run, found)
            except BadAnswer as error:
                unread = error
                continue
            if ours:
                self.adopted(run, found)
                return "adopted"
        if unread is not None:
            raise unread
        return None

    def _renewed(self, run: ActorRun) -> datetime:
        now = self._clock()
        with self._ledger.write() as tx:
            actor_runs.keep(tx, run, until=now + self._patience.lease)
        return now

    def _waits_with(self, run: ActorRun, found: ApifyRun, why: str) -> bool:
        """Set aside an actor run that is somebody else's, and its row if it is what is searched for."""
        with suppress(BadAnswer):  # whose INPUT cannot be read bears nothing of ours
            if run.state in _SEARCHED and self._is_of(run, found):
                with self._ledger.read() as tx:
                    seen = deliveries.unread(tx, run.id)
                self._quarantine.own(run, found.id, why, seen)
                return True
        self._quarantine(run, found.id, why)
        return False

    def _is_of(self, run: ActorRun, found: ApifyRun) -> bool:
        return (self._apify.marker_of(found) or "").startswith(f"{run.marker}.")

    def _read(self, run: ActorRun, apify_run_ids: list[str]) -> Iterator[ApifyRun]:
        for apify_run_id in apify_run_ids:
            found = told_of(self._apify, self._quarantine, run, apify_run_id)
            if found is not None:
                yield found

    def started(self, run: ActorRun, found: ApifyRun) -> None:
        """Adopt the actor run that Apify has answered a start with."""
        self.provenance.learn(run, found)
        self.adopted(run, found)

    def adopted(self, run: ActorRun, found: ApifyRun) -> None:
        """Write down which actor run is this row's, then wait for its webhook, unless it is to be aborted."""
        now = self._clock()
        with self._ledger.write() as tx:
            soon = found.ended or client_runs.is_cancelled(tx, run.client_run_id)
            actor_runs.move(
                tx,
                run,
                ActorRunState.RUNNING,
                now=now,
                next_check_at=now if soon else now + self._patience.reconcile,
                apify_run_id=found.id,
                dataset_id=found.dataset_id,
                apify_status=found.status,
                apify_started_at=found.started_at,
                memory_mb=found.memory_mb,
                **accepted(run),
            )
            run_records.update(tx, run.client_run_id, run.client_id, source="advance", now=now)
            tx.after_commit(
                lambda: _log.info("Actor run started", actorRunId=found.id, profiles=run.profiles)
            )


def _began(run: ActorRun) -> datetime:
    assert run.start_requested_at is not None, "a start that was sent has its time"
    return run.start_requested_at
