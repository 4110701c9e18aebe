"""Cancelling a client run: nothing more of it is started, what is at work is aborted, what is found is kept.

Asking is one transaction, in any process. Whoever has an actor run of it at hand sees that, and settling ends
it once nothing is open: now, or when Apify can be asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from harvester import log
from harvester.errors import LedgerUnavailable
from harvester.ledger import Ledger, Tx, activity, actor_runs, client_runs
from harvester.models import ActorRunState, ClientRun, ClientRunStatus
from services import run_records
from services.run_ends import RunIsOver, UnknownRun
from services.settle import Settle

_OVER = (ActorRunState.INGESTED, ActorRunState.FAILED)

_log = log.get_logger(__name__)


class Cancel:
    """Has a client run ended."""

    def __init__(self, ledger: Ledger, settle: Settle, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._settle = settle
        self._clock = clock

    def __call__(self, full_id: str, *, by: str) -> ClientRun:
        """Cancel one client run, on behalf of `by`, and give its record as it is then.

        It is `Cancelled` at once if nothing of it is open, else `Running`; asking again changes nothing.
        Raises `UnknownRun`, `RunIsOver`, and `LedgerUnavailable` when nothing could be written.
        """
        with log.bound(clientRunId=full_id):
            self._asked(full_id, by)
            try:
                self._settle(full_id)
            except LedgerUnavailable as error:
                told = "A cancelled client run could not be settled, the next tick tries again: %s"
                _log.error(told, error)
        with self._ledger.read() as tx:
            found = client_runs.get(tx, full_id)
        if found is None:  # deleted by a person in this moment
            raise UnknownRun(full_id)
        return found

    def _asked(self, full_id: str, by: str) -> None:
        with self._ledger.write() as tx:
            # Rows before their record, as every step locks them. Parked ones too: a person decides here.
            for batch in actor_runs.of_client_run(tx, full_id):
                if batch.state not in _OVER:
                    actor_runs.wake(tx, batch.id, now=self._clock())
            run = client_runs.get(tx, full_id, lock=True)
            if run is None:
                raise UnknownRun(full_id)
            if run.status is not ClientRunStatus.RUNNING:
                raise RunIsOver(run)
            self._noted(tx, run, by)

    def _noted(self, tx: Tx, run: ClientRun, by: str) -> None:
        now, told = self._clock(), f"cancelled by {by}"
        notes = f"{run.system_notes}\n{run_records.noted(told, now)}"
        if client_runs.ask_to_cancel(tx, run.client_run_id, now=now, system_notes=notes):
            activity.record(
                tx,
                "cancel",
                source=by,
                client_run_id=run.client_run_id,
                client_id=run.client_id,
                ok=True,
                detail=told,
                now=now,
            )
            tx.after_commit(lambda: _log.info("Client run %s is cancelled by %s", run.client_run_id, by))
