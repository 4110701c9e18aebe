"""Quarantine: an actor run that was named for a batch of ours, and is somebody else's by what Apify says.

It is not adopted, and nothing of it is read, stored or aborted. Its webhook calls say why, and a person is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.apify_errors import Gone, Refused
from harvester.ledger import Ledger, Tx, actor_runs, deliveries
from harvester.models import ActorRun
from services.alerts import raise_alert
from services.dead_letters import raise_dead_letter
from services.provenance import FOREIGN
from services.remedies import NAMED_ANOTHERS, QUARANTINED

#: Apify's word for an object that is another account's.
_NOT_FOR_US: Final = "insufficient-permissions"

_log = log.get_logger(__name__)


class Quarantine:
    """Sets actor runs aside."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def __call__(self, run: ActorRun, apify_run_id: str, why: str) -> None:
        """Set aside what was named for a row. `why` follows its name: "is of another account"."""
        now = self._clock()
        with self._ledger.write() as tx:
            unread = deliveries.unread(tx, run.id)
            named = f"actor run {apify_run_id} {why}"
            result = f"{QUARANTINED}: {named}"
            deliveries.processed(tx, run.id, seen=unread, result=result, now=now, apify_run_id=apify_run_id)
            tell(tx, run, named, now)

    def own(self, run: ActorRun, apify_run_id: str, why: str, seen: Sequence[int]) -> None:
        """Park a claimed row: what must be its own actor run is described as somebody else's.

        Its leads stay with it, for it may have been paid for: nothing is started in its place before a
        person says so. `seen` are the webhook calls that led here.
        """
        now = self._clock()
        named = f"actor run {apify_run_id} {why}"
        reason = f"{named}; nothing of it is read before a person says so"
        with self._ledger.write() as tx:
            deliveries.processed(tx, run.id, seen=seen, result=f"{QUARANTINED}: {named}", now=now)
            self._parked(tx, run, reason, now)

    def still(self, run: ActorRun) -> None:
        """Park a row again that was woken and has nothing new to go by; no person has said anything yet."""
        with self._ledger.write() as tx:
            self._parked(tx, run, run.error or "its actor run is described as another's", self._clock())

    def _parked(self, tx: Tx, run: ActorRun, reason: str, now: datetime) -> None:
        parked = {"parked_at": now, "parked_error": reason, "error_code": FOREIGN, "error": reason}
        actor_runs.move(tx, run, run.state, now=now, next_check_at=None, **parked)
        raise_dead_letter(tx, run, reason, now=now)
        tx.after_commit(lambda: _log.error("Parked as a dead letter: %s", reason, code=FOREIGN))


def told_of(apify: Apify, quarantine: Quarantine, run: ActorRun, apify_run_id: str) -> ApifyRun | None:
    """Read an actor run that a webhook named for a row; None if it is gone, or is not for us to read.

    Raises `ApifyError` for everything else.
    """
    try:
        return apify.run(apify_run_id)
    except Gone:
        return None
    except Refused as error:
        if error.code != _NOT_FOR_US:
            raise
        quarantine(run, apify_run_id, "is not one that APIFY_TOKEN may read")
        return None


def tell(tx: Tx, run: ActorRun, named: str, now: datetime) -> None:
    """Tell a person of an actor run that was set aside; `named` says which, and why."""
    text = (
        f"Client {run.client_id}: an actor run that is not ours was named for batch {run.batch} of "
        f"{run.client_run_id}: {named}. It is left alone: nothing of it is read or stored. {NAMED_ANOTHERS}"
    )
    raise_alert(tx, f"foreign actor run of {run.client_run_id}", text, now=now)
