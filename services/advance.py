"""Advance: move one actor run on. Any process may call it at any time, any number of times.

It takes a lease on the row, does the one outside effect of its state, and moves it on by an update that
must hit exactly that row; then again, until the row has to wait for something.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from harvester import log, tracing
from harvester.apify_errors import ApifyError, BadAnswer, Gone, StartUnknown, Unavailable
from harvester.errors import LedgerUnavailable, LostLease
from harvester.ledger import Ledger, Tx, actor_runs, deliveries
from harvester.models import ActorRun, ActorRunState
from services.dead_letters import raise_dead_letter
from services.outages import Gate, Outages, backoff
from services.outcome import give_up
from services.settle import Settle

#: Attempts at something that keeps failing before a person is asked. An outage is no such attempt.
MAX_FAILURES: Final = 5
#: Put-offs, some four minutes of them, after which it is asked whether Apify answers anything at all.
_MANY_PUT_OFFS: Final = 8

_READING = (ActorRunState.ENDED, ActorRunState.INGESTING)
_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)
_AT_APIFY = (ActorRunState.RUNNING, *_READING)
#: An actor run may be at work for these, and be paid for: their leads are not set free by a failure of ours.
_IN_FLIGHT = actor_runs.IN_FLIGHT

#: What the step of a state is called in a trace.
_SPANS: Final = {
    ActorRunState.PLANNED: "start",
    ActorRunState.STARTING: "search",
    ActorRunState.START_UNKNOWN: "search",
    ActorRunState.RUNNING: "follow",
    ActorRunState.ENDED: "ingest",
    ActorRunState.INGESTING: "ingest",
}

_log = log.get_logger(__name__)

#: Does what a state calls for. False: it came to no call to Apify.
Step = Callable[[ActorRun], bool | None]


class Advance:
    """Runs the steps of `ActorRunState`, and decides what a failed one means."""

    def __init__(
        self,
        ledger: Ledger,
        steps: Mapping[ActorRunState, Step],
        settle: Settle,
        outages: Outages,
        *,
        owner: str,
        lease: timedelta,
        retry_base: timedelta,
        answers: Callable[[], bool],
        patience: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._settle = settle
        self._outages = outages
        self._owner = owner
        self._lease = lease
        self._retry_base = retry_base
        self._answers = answers
        self._patience = patience
        self._clock = clock

    def __call__(self, row_id: int) -> None:
        """Move a row as far as it goes now; nothing if it is not due or somebody else holds it.

        One that stays in its state waits for the next tick, behind the others, even if it is due again.
        """
        settled: str | None = None
        last: ActorRunState | None = None
        while (claimed := self._claimed(row_id, beyond=last)) is not None:
            run, tried = claimed
            last = run.state
            ids = {
                "clientRunId": run.client_run_id,
                "clientId": run.client_id,
                "actorRunId": run.apify_run_id,
            }
            with log.bound(**{name: value for name, value in ids.items() if value}):
                self._step(run, tried)
            settled = run.client_run_id
        if settled is not None:
            self._settled(settled)

    def release(self) -> None:
        """Let go of the rows that this process still holds, for others to go on at once: it ends."""
        try:
            with self._ledger.write() as tx:
                freed = actor_runs.release(tx, self._owner, now=self._clock())
        except Exception as error:  # it ends: nothing is left to be done about it
            _log.warning("What was at hand could not be let go of, its lease will run out: %s", error)
        else:
            if freed:
                _log.warning("Rows at hand that were let go of unfinished: %d", freed)

    def _settled(self, full_id: str) -> None:
        with log.bound(clientRunId=full_id):
            try:
                self._settle(full_id)
            except LedgerUnavailable as error:
                _log.error("A client run could not be settled, the next tick tries again: %s", error)
            except Exception:
                _log.exception("Client run %s could not be settled, a tick tries again", full_id)

    def _claimed(self, row_id: int, *, beyond: ActorRunState | None) -> tuple[ActorRun, bool] | None:
        """Claim a row, and say whether it is the one that tries whether an outage is over."""
        now = self._clock()
        try:
            with self._ledger.write() as tx:
                gate = self._outages.gate(tx, lock=True)
                if gate is Gate.SHUT:
                    return None
                until = now + self._lease
                run = actor_runs.claim(tx, row_id, owner=self._owner, now=now, until=until, beyond=beyond)
                if run is not None and gate is Gate.TO_TRY:
                    self._outages.trying(tx)
        except LedgerUnavailable as error:
            _log.error("No row can be claimed, the next tick tries again: %s", error)
            return None
        return (run, gate is Gate.TO_TRY) if run is not None else None

    def _step(self, run: ActorRun, tried: bool) -> None:
        try:
            if run.failures >= MAX_FAILURES:
                self._given_up(run, "worker_died", run.error or "the worker died over it, again and again")
                return
            with tracing.span(
                _SPANS.get(run.state, "look again"),
                run.client_run_id,
                batch=run.batch,
                actor_run_id=run.apify_run_id,
                state=run.state,
            ):
                asked = self._steps[run.state](run) is not False
            if asked:
                self._outages.worked(tried=tried)
            elif tried:
                self._outages.not_asked()
        except LostLease as error:
            _log.warning("%s; what this one did is left to it", error)
        except LedgerUnavailable as error:
            _log.error("The ledger is not available, the row is tried again later: %s", error)
            self._again(run, run.error or str(error), failures=run.failures, doublings=run.put_offs)
        except ApifyError as error:
            self._apify_failed(run, error, tried)
        except Exception as error:
            _log.exception("A step failed", state=run.state)
            self._failed(run, "internal_error", f"{type(error).__name__}: {error}"[:500])

    def _apify_failed(self, run: ActorRun, error: ApifyError, tried: bool) -> None:
        if isinstance(error, Unavailable | StartUnknown):
            self._outages.failed(str(error), tried=tried)
        else:
            self._outages.worked(tried=tried)
        if isinstance(error, StartUnknown):
            return  # the row is on its way to be searched for
        # A bad answer about a dataset may be poison; one 404 may come of a machine that has not heard of it.
        # Elsewhere, giving up would free leads, to be paid for again, while their actor run may be at work.
        poison = run.state in _READING and isinstance(error, BadAnswer)
        gone = run.state in _AT_APIFY and isinstance(error, Gone)
        if poison or gone or self._is_its_own_fault(run):
            self._failed(run, error.code, str(error))
        else:
            self._put_off(run, error)

    def _is_its_own_fault(self, run: ActorRun) -> bool:
        """Say whether a row alone has been put off for too long, while Apify answers otherwise."""
        if run.state not in (*_IN_FLIGHT, *_READING) or run.put_offs < _MANY_PUT_OFFS:
            return False
        at_work_since = run.start_requested_at if run.state in _IN_FLIGHT else None
        too_early = at_work_since is not None and self._clock() - at_work_since < self._patience
        return not too_early and self._answers()

    def _put_off(self, run: ActorRun, error: ApifyError) -> None:
        """Apify is in trouble, or lets us read nothing: not this row's fault, so wait and ask again."""
        _log.warning("Apify could not be asked, trying again later: %s", error)
        self._again(run, str(error), failures=run.failures, doublings=run.put_offs)

    def _failed(self, run: ActorRun, code: str, reason: str) -> None:
        failures = run.failures + 1
        if failures >= MAX_FAILURES:
            self._given_up(run, code, reason)
        else:
            # Four times as long each time: giving up costs more than waiting does.
            self._again(run, reason, failures=failures, doublings=2 * run.put_offs)

    def _again(self, run: ActorRun, reason: str, *, failures: int, doublings: int) -> None:
        now = self._clock()
        try:
            with self._ledger.write() as tx:
                held = actor_runs.still_held(tx, run)
                actor_runs.move(
                    tx,
                    held,
                    held.state,
                    now=now,
                    next_check_at=now + backoff(self._retry_base, doublings),
                    failures=failures,
                    put_offs=run.put_offs + 1,
                    error_code=held.error_code,
                    error=held.error if held.state in _OVER else reason,
                    parked_at=held.parked_at,  # until a look at it works
                    parked_error=held.parked_error,
                )
        except (LostLease, LedgerUnavailable) as error:
            _log.warning("Could not put the row off: %s", error)

    def _given_up(self, run: ActorRun, code: str, reason: str) -> None:
        """Park a row: it is tried no more until a person, or a webhook, says so."""
        try:
            with self._ledger.write() as tx:
                held = actor_runs.still_held(tx, run)
                if self._is_parked(tx, held, code, reason):
                    raise_dead_letter(tx, held, reason, now=self._clock())
                tx.after_commit(lambda: _log.error("Parked as a dead letter: %s", reason, code=code))
        except (LostLease, LedgerUnavailable) as error:
            _log.warning("Could not give the row up: %s", error)
        except Exception:
            _log.exception("A row could not be given up, and is tried on")
            self._again(run, reason, failures=min(run.failures, MAX_FAILURES - 1), doublings=run.put_offs)

    def _is_parked(self, tx: Tx, run: ActorRun, code: str, reason: str) -> bool:
        """Park a claimed row. False if there is nothing to decide: then it is just given up."""
        now = self._clock()
        parked = {"parked_at": now, "parked_error": reason}
        if run.state in _OVER:  # what the first look at it found stays
            unread = deliveries.unread(tx, run.id)
            deliveries.processed(tx, run.id, seen=unread, result=f"given up: {reason}", now=now)
            code, reason = run.error_code or "", run.error or ""
        elif code == Gone.code:
            give_up(tx, run, code=code, reason=reason, now=now)
            return False
        elif run.state not in _IN_FLIGHT:
            give_up(tx, run, code=code, reason=reason, now=now, **parked)
            return True
        kept = {"error_code": code or None, "error": reason or None}
        actor_runs.move(tx, run, run.state, now=now, next_check_at=None, **kept, **parked)
        return True
