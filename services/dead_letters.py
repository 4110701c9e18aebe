"""Dead letters: actor runs that were given up after failing again and again, kept with their error.

A person replays one, or discards it. One whose actor run may be at work keeps its leads meanwhile: they must
not be paid for twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from harvester import log
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, activity, actor_runs, deliveries, parked
from harvester.models import ActorRun, ActorRunState
from services.alerts import over, raise_alert
from services.outcome import give_up
from services.provenance import ACCEPTED, FOREIGN

#: The `error_code` of what a person gave up.
DISCARDED: Final = "discarded"
#: Who holds a row while a person decides about it, and for how long at the most.
_OWNER: Final = "operator"
_MOMENT: Final = timedelta(seconds=5)

_log = log.get_logger(__name__)


class NotParked(HarvesterError):
    """There is no dead letter of this ID: it was replayed or discarded before, or never was one."""


class NothingToReplay(HarvesterError):
    """Nothing was started for this dead letter, and its leads are due again: a kickoff does all there is."""


#: What the keys of alerts about dead letters begin with; then comes the ID.
ALERT: Final = "dead letter "


def alert_key(row_id: int) -> str:
    """Name the matter of one dead letter among the alerts."""
    return f"{ALERT}{row_id}"


def raise_dead_letter(tx: Tx, run: ActorRun, reason: str, *, now: datetime) -> None:
    """Tell somebody of a row that was parked just now; the log has it."""
    text = (
        f"Batch {run.batch} of {run.client_run_id} was given up and waits for a person: {reason}. See "
        f"harvester dead-letters list, then harvester dead-letters replay {run.id}, or discard it"
    )
    raise_alert(tx, alert_key(run.id), text, now=now, again_after=None, in_log=True)


class DeadLetters:
    """Replays and discards."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def one(self, row_id: int) -> ActorRun:
        """Give one. Raises `NotParked`."""
        with self._ledger.read() as tx:
            run = actor_runs.get(tx, row_id)
        if run is None or run.parked_at is None:
            raise _not_parked(row_id)
        return run

    def replay(self, row_id: int, *, by: str = _OWNER) -> ActorRun:
        """Try a dead letter again, from the state that it was in; a dataset is read from its start.

        `by`: on whose behalf. Raises `NotParked` and `NothingToReplay`.
        """
        with self._ledger.write() as tx:
            run = self._taken_up(tx, row_id)
            if run.state is ActorRunState.FAILED and run.apify_run_id is None:
                raise NothingToReplay(
                    f"nothing was started for dead letter {row_id}, and its leads are due again: "
                    "discard it, and kick the client off"
                )
            anew = run.state is ActorRunState.FAILED
            to = ActorRunState.RUNNING if anew else run.state
            now = self._clock()
            kept = {} if anew else {"error_code": _by_a_person(run.error_code), "error": run.error}
            replayed = actor_runs.move(tx, run, to, now=now, next_check_at=now, **kept)
            self._note(tx, "replay", run, by, now)
        _log.info("Dead letter %d is tried again", row_id)
        return replayed

    def discard(self, row_id: int, *, by: str = _OWNER) -> ActorRun:
        """Give a dead letter up, on behalf of `by`. Leads that it still held are due again.

        Reconcile looks at it no more; a webhook for it still does, for its items were paid for. Raises
        `NotParked`.
        """
        with self._ledger.write() as tx:
            run = self._taken_up(tx, row_id)
            now = self._clock()
            why = {
                "error_code": DISCARDED,
                "error": f"discarded: {run.error or 'its second look came to nothing'}",
            }
            if run.state in actor_runs.IN_FLIGHT:
                give_up(tx, run, code=DISCARDED, reason=why["error"], now=now)
            else:
                actor_runs.move(tx, run, run.state, now=now, next_check_at=None, **why)
            unread = deliveries.unread(tx, run.id)
            deliveries.processed(tx, run.id, seen=unread, result="discarded", now=now)
            self._note(tx, "discard", run, by, now)
        _log.info("Dead letter %d is discarded", row_id)
        return run

    def _taken_up(self, tx: Tx, row_id: int) -> ActorRun:
        now = self._clock()
        over(tx, alert_key(row_id), now)
        run = parked.take_up(tx, row_id, now=now, lease_until=now + _MOMENT, owner=_OWNER)
        if run is None:
            raise _not_parked(row_id)
        return run

    def _note(self, tx: Tx, operation: str, run: ActorRun, by: str, now: datetime) -> None:
        activity.record(
            tx,
            operation,
            source=by,
            client_run_id=run.client_run_id,
            client_id=run.client_id,
            ok=True,
            detail=f"dead letter {run.id}, batch {run.batch}: {run.error}",
            now=now,
        )


def _by_a_person(code: str | None) -> str | None:
    """Give the error of a row that a person has replayed: its actor run is taken for ours from now on."""
    return ACCEPTED if code == FOREIGN else code


def _not_parked(row_id: int) -> NotParked:
    return NotParked(f"there is no dead letter {row_id}, or it was replayed or discarded before")
