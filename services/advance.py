"""Advance: move one actor run on. Any process may call it at any time, any number of times.

It takes a lease on the row, does the one outside effect of its state, and moves it on by an update that
must hit exactly that row; then again, until the row has to wait for something.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.apify_errors import ApifyError, BadAnswer
from harvester.errors import LedgerUnavailable, LostLease
from harvester.ledger import Ledger, Tx, actor_runs
from harvester.models import ActorRun, ActorRunState
from services.outcome import give_up
from services.settle import Settle

#: Attempts at something that keeps failing before a person is asked. An outage is no such attempt.
MAX_FAILURES: Final = 5
#: Back-off doubles this often at most: 64 times its first step.
_DOUBLINGS = 6

_READING = (ActorRunState.ENDED, ActorRunState.INGESTING)
_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)

_log = log.get_logger(__name__)

Step = Callable[[ActorRun], None]


class Advance:
    """Runs the steps of `ActorRunState`, and decides what a failed one means."""

    def __init__(
        self,
        ledger: Ledger,
        steps: Mapping[ActorRunState, Step],
        settle: Settle,
        *,
        owner: str,
        lease: timedelta,
        retry_base: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._steps = steps
        self._settle = settle
        self._owner = owner
        self._lease = lease
        self._retry_base = retry_base
        self._clock = clock

    def __call__(self, row_id: int) -> None:
        """Move a row as far as it goes now; nothing if it is not due or somebody else holds it."""
        settled: str | None = None
        while (run := self._claimed(row_id)) is not None:
            ids = {
                "clientRunId": run.client_run_id,
                "clientId": run.client_id,
                "actorRunId": run.apify_run_id,
            }
            with log.bound(**{name: value for name, value in ids.items() if value}):
                self._step(run)
            settled = run.client_run_id
        if settled is not None:
            self._settled(settled)

    def _settled(self, full_id: str) -> None:
        try:
            self._settle(full_id)
        except LedgerUnavailable as error:
            _log.error("A client run could not be settled, the next tick tries again: %s", error)
        except Exception:
            _log.exception("Client run %s could not be settled, a tick tries again", full_id)

    def _claimed(self, row_id: int) -> ActorRun | None:
        now = self._clock()
        try:
            with self._ledger.write() as tx:
                return actor_runs.claim(tx, row_id, owner=self._owner, now=now, until=now + self._lease)
        except LedgerUnavailable as error:
            _log.error("No row can be claimed, the next tick tries again: %s", error)
            return None

    def _step(self, run: ActorRun) -> None:
        try:
            self._steps[run.state](run)
        except LostLease as error:
            _log.warning("%s; what this one did is left to it", error)
        except LedgerUnavailable as error:
            _log.error("The ledger is not available, the row waits for its lease to run out: %s", error)
        except BadAnswer as error:
            # Of a dataset it may be poison. Elsewhere giving up would set leads free, to be paid for again,
            # while their actor run may be at work.
            if run.state in _READING:
                self._failed(run, error.code, str(error))
            else:
                self._put_off(run, error)
        except ApifyError as error:
            self._put_off(run, error)
        except Exception as error:
            _log.exception("A step failed", state=run.state)
            self._failed(run, "internal_error", f"{type(error).__name__}: {error}"[:500])

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
                )
        except (LostLease, LedgerUnavailable) as error:
            _log.warning("Could not put the row off: %s", error)

    def _given_up(self, run: ActorRun, code: str, reason: str) -> None:
        try:
            with self._ledger.write() as tx:
                held = actor_runs.still_held(tx, run)
                if held.state in _OVER:
                    self._let_be(tx, held, reason)
                else:
                    give_up(tx, held, code=code, reason=reason, now=self._clock())
        except (LostLease, LedgerUnavailable) as error:
            _log.warning("Could not give the row up: %s", error)
        except Exception:
            _log.exception("A row could not be given up, and is tried on")
            self._again(run, reason, failures=run.failures, doublings=run.put_offs)

    def _let_be(self, tx: Tx, run: ActorRun, reason: str) -> None:
        """A second look at a row that is done with came to nothing: what the first one found stays."""
        _log.error("A delivery could not be looked into: %s", reason)
        actor_runs.move(
            tx,
            run,
            run.state,
            now=self._clock(),
            next_check_at=None,
            error_code=run.error_code,
            error=run.error,
        )


def backoff(base: timedelta, times: int) -> timedelta:
    """Give the wait before the next try: doubling, bounded, and spread so that many do not come at once."""
    spread = random.uniform(0.75, 1.25)  # noqa: S311
    return base * float(2 ** min(times, _DOUBLINGS)) * spread
