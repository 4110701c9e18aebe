"""Orphans: actor runs of a batch that was started once more because the first start was lost for too long.

Each was paid for. Once its webhook or Apify's list tells of it, it gets a row of its own: it is aborted if it
is still at work, and ingested like any other; what it cost counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from harvester import log
from harvester.apify import Apify
from harvester.apify_answers import ApifyRun
from harvester.ledger import Ledger, actor_runs, deliveries, new_actor_runs
from harvester.models import ORPHAN_SEPARATOR, ActorRun
from services.provenance import Provenance
from services.quarantine import Quarantine, told_of

_log = log.get_logger(__name__)


def orphan_marker(marker: str, attempt: int | str) -> str:
    """Name an orphan's row after the batch and the attempt that it came of, as its webhook's token does."""
    return f"{marker}{ORPHAN_SEPARATOR}{attempt}"


class Orphans:
    """Takes in the further actor runs of a batch."""

    def __init__(
        self, ledger: Ledger, apify: Apify, provenance: Provenance, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._apify = apify
        self._provenance = provenance
        self._quarantine = Quarantine(ledger, clock)
        self._clock = clock

    def __call__(self, run: ActorRun) -> None:
        """Look at what unread deliveries for a row speak of, other than the row's own actor run."""
        with self._ledger.read() as tx:
            told = set(deliveries.unread_run_ids(tx, run.id)) - {run.apify_run_id}
            told -= actor_runs.known_apify_run_ids(tx, told)
        for apify_run_id in sorted(told):
            found = told_of(self._apify, self._quarantine, run, apify_run_id)
            if found is None or not self.may_be(run, found):
                continue
            marker, _, attempt = (self._apify.marker_of(found) or "").partition(".")
            if marker == run.marker:
                self.take_in(run, found, orphan_marker(marker, attempt))

    def may_be(self, run: ActorRun, found: ApifyRun) -> bool:
        """Say whether an actor run may be of a row's batch. What is somebody else's is set aside."""
        why = self._provenance.not_of(run, found)
        if why is not None:
            self._quarantine(run, found.id, why)
        return why is None

    def take_in(self, run: ActorRun, found: ApifyRun, marker: str) -> bool:
        """Give an actor run a row beside that of its batch. False if it has one."""
        now = self._clock()
        with self._ledger.write() as tx:
            tx.exclusively(f"batches:{run.client_run_id}")  # they are numbered
            if actor_runs.known_apify_run_ids(tx, [found.id]):
                return False
            new_actor_runs.add_orphan(
                tx,
                run,
                marker=marker,
                apify_run_id=found.id,
                dataset_id=found.dataset_id,
                now=now,
            )
            unread = deliveries.unread(tx, run.id)
            deliveries.processed(tx, run.id, seen=unread, result="taken in", now=now, apify_run_id=found.id)
        told = "Batch %d was started twice: actor run %s is ingested, too"
        _log.error(told, run.batch, found.id, clientRunId=run.client_run_id, actorRunId=found.id)
        return True
