"""Replay: process a stored delivery again, as if it had come now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from harvester import log
from harvester.errors import HarvesterError
from harvester.ledger import Ledger, Tx, activity, actor_runs, deliveries
from harvester.models import ActorRun, Delivery, DeliveryOutcome

_log = log.get_logger(__name__)


class UnknownDelivery(HarvesterError):
    """There is no delivery of this ID."""


class NotReplayable(HarvesterError):
    """The delivery asks for nothing that could be done again."""


class Replay:
    """Makes a delivery unread again, and its actor run due."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def one(self, delivery_id: int) -> Delivery:
        """Give one delivery. Raises `UnknownDelivery`."""
        with self._ledger.read() as tx:
            found = deliveries.get(tx, delivery_id)
        if found is None:
            raise UnknownDelivery(f"there is no delivery {delivery_id}")
        return found

    def __call__(self, delivery_id: int, *, by: str = "operator") -> Delivery:
        """Replay one delivery, on behalf of `by`. Raises `UnknownDelivery` and `NotReplayable`."""
        with self._ledger.write() as tx:
            found = deliveries.get(tx, delivery_id)
            if found is None:
                raise UnknownDelivery(f"there is no delivery {delivery_id}")
            run = _run_of(tx, found)
            now = self._clock()
            again = deliveries.reopen(tx, delivery_id, actor_run_id=run.id, client_id=run.client_id)
            actor_runs.wake(tx, run.id, now=now)
            activity.record(
                tx,
                "replay",
                source=by,
                client_run_id=run.client_run_id,
                client_id=run.client_id,
                ok=True,
                detail=f"delivery {delivery_id}",
                now=now,
            )
        _log.info("Delivery %d is processed again", delivery_id)
        return again


def _run_of(tx: Tx, found: Delivery) -> ActorRun:
    """Find the actor run that a delivery is about: one that was unknown may be known by now."""
    if found.outcome is DeliveryOutcome.IGNORED:
        raise NotReplayable(f"delivery {found.id} is a {found.event_type}, which asks for nothing")
    known = found.actor_run_id is not None and actor_runs.get(tx, found.actor_run_id)
    run = known or (actor_runs.by_apify_run_id(tx, found.apify_run_id) if found.apify_run_id else None)
    if run is None:
        raise NotReplayable(f"actor run {found.apify_run_id} of delivery {found.id} is still none of ours")
    return run
