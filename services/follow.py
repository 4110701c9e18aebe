"""Following an actor run at Apify: whatever a webhook says, Apify's own answer is what counts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import Gone
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, deliveries
from harvester.models import ActorRun, ActorRunState, ClientRunStatus
from services import run_records
from services.dead_letters import DISCARDED
from services.outcome import ended_anew, latest_cost
from services.provenance import Provenance, accepted
from services.quarantine import Quarantine

#: Apify's statuses on the way to an end.
_ENDING: Final = ("ABORTING", "TIMING-OUT")

_log = log.get_logger(__name__)


class Follow:
    """The steps of a row that is `running`, and of one that is done with and was called again."""

    def __init__(
        self,
        ledger: Ledger,
        apify: Apify,
        provenance: Provenance,
        clock: Callable[[], datetime],
        *,
        reconcile: timedelta,
        look_again: timedelta,
        gone_after: timedelta,
        adopt_told: Callable[[ActorRun], str | None],
        take_in_orphans: Callable[[ActorRun], None],
    ) -> None:
        # Webhooks outrun Apify's own answers, and some of its machines hear of a run seconds after its start.
        self._look_again = look_again
        self._gone_after = gone_after
        self._ledger = ledger
        self._apify = apify
        self._provenance = provenance
        self._quarantine = Quarantine(ledger, clock)
        self._clock = clock
        self._reconcile = reconcile
        self._adopt_told = adopt_told
        self._take_in_orphans = take_in_orphans

    def running(self, run: ActorRun) -> None:
        """Ask Apify whether the actor run has ended; if so, its dataset is due.

        One that nobody wants any more is aborted. What it has found is ingested.
        """
        self._take_in_orphans(run)
        seen = self._unread(run)
        found = self._found(run)
        if found is None:
            return
        why = self._provenance.of_another(run, found)
        if why is not None:
            self._quarantine.own(run, found.id, why, seen)
            return
        unwanted = not found.ended and (run.is_orphan or self._is_cancelled(run, found))
        if unwanted and found.status not in _ENDING:
            self._apify.abort(
                found.id, gracefully=not run.is_orphan
            )  # the batch of an orphan has another one
        now = self._clock()
        with self._ledger.write() as tx:
            if found.ended:
                self._ended(tx, run, found, seen, now)
            else:
                self._wait(tx, run, found, now, unwanted=unwanted)

    def _is_cancelled(self, run: ActorRun, found: ApifyRun) -> bool:
        """Say whether somebody wants the client run ended, and has not resurrected this actor run since."""
        with self._ledger.read() as tx:
            record = client_runs.get(tx, run.client_run_id)
        if record is None or record.cancel_requested_at is None:
            return False
        return record.status is ClientRunStatus.RUNNING or not found.resurrections

    def ingested(self, run: ActorRun) -> None:
        """Look at a row that is done with once more, for a webhook came.

        The run may have been resurrected, or the row was given up before we knew its run, or its run's end.
        """
        if run.apify_run_id is None and self._adopt_told(run):
            return
        self._take_in_orphans(run)
        seen = self._unread(run)
        found = self._still_there(run)
        why = self._provenance.of_another(run, found) if found is not None else None
        if found is not None and why is not None:
            self._quarantine(run, found.id, why)
        if found is None or why is not None:
            self._nothing_new(run, seen)
        elif not found.ended:
            _log.info("Actor run was resurrected")
            now = self._clock()
            with self._ledger.write() as tx:
                actor_runs.move(tx, run, ActorRunState.RUNNING, now=now, next_check_at=now + self._reconcile)
                deliveries.processed(tx, run.id, seen=seen, result="resurrected", now=now)
        elif ended_anew(run, found) or _was_not_read(run):
            with self._ledger.write() as tx:
                self._ended(tx, run, found, seen, self._clock())
        else:
            self._nothing_new(run, seen)

    def _still_there(self, run: ActorRun) -> ApifyRun | None:
        try:
            return self._apify.run(run.apify_run_id) if run.apify_run_id else None
        except Gone:
            return None

    def _unread(self, run: ActorRun) -> list[int]:
        with self._ledger.read() as tx:
            return deliveries.unread(tx, run.id)

    def _found(self, run: ActorRun) -> ApifyRun | None:
        try:
            return self._apify.run(_known(run))
        except Gone:
            now = self._clock()
            if now - (run.apify_started_at or run.created_at) >= self._gone_after:
                raise
            with self._ledger.write() as tx:
                soon = now + self._look_again
                actor_runs.move(tx, run, run.state, now=now, next_check_at=soon, **accepted(run))
            return None

    def _ended(self, tx: Tx, run: ActorRun, found: ApifyRun, seen: list[int], now: datetime) -> None:
        actor_runs.move(
            tx,
            run,
            ActorRunState.ENDED,
            now=now,
            next_check_at=now,
            dataset_id=found.dataset_id,
            apify_status=found.status,
            status_message=found.status_message,
            apify_started_at=found.started_at,
            apify_finished_at=found.finished_at or now,
            resurrections=found.resurrections,
            cost_micros=latest_cost(run, found),
            cursor=0,
        )
        told = {"last_webhook_at": now} if seen else {}
        deliveries.processed(tx, run.id, seen=seen, result=f"ended {found.status}", now=now)
        run_records.update(tx, run.client_run_id, run.client_id, source="advance", now=now, **told)
        tx.after_commit(lambda: _log.info("Actor run ended: %s", found.status))

    def _wait(self, tx: Tx, run: ActorRun, found: ApifyRun, now: datetime, *, unwanted: bool) -> None:
        told_otherwise = bool(deliveries.unread_run_ids(tx, run.id))
        soon = told_otherwise or unwanted
        # Soon, and then less and less: what told otherwise may have been about an earlier life of the run.
        wait = (
            min(self._look_again * 2.0 ** min(run.put_offs, 8), self._reconcile) if soon else self._reconcile
        )
        actor_runs.move(
            tx,
            run,
            run.state,
            now=now,
            next_check_at=now + wait,
            put_offs=run.put_offs + 1 if soon else 0,
            apify_status=found.status,
            cost_micros=latest_cost(run, found),
            **accepted(run),
        )

    def _nothing_new(self, run: ActorRun, seen: list[int]) -> None:
        now = self._clock()
        parked = {"parked_at": run.parked_at, "parked_error": run.parked_error} if _was_not_read(run) else {}
        with self._ledger.write() as tx:
            deliveries.processed(tx, run.id, seen=seen, result="nothing new", now=now)
            actor_runs.move(
                tx,
                run,
                run.state,
                now=now,
                next_check_at=None,
                error_code=run.error_code,
                error=run.error,
                **parked,
            )


def _was_not_read(run: ActorRun) -> bool:
    """Say whether a dataset was given up for unreadable: whatever makes us look at it again is a new try."""
    unread = run.parked_at is not None or run.error_code in (Gone.code, DISCARDED)
    return run.state is ActorRunState.FAILED and unread


def _known(run: ActorRun) -> str:
    assert run.apify_run_id is not None, "a row in this state has its actor run"
    return run.apify_run_id
