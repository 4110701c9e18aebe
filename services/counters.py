"""Counters: what the ledger can count for `/metrics`, over all processes, in one read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from harvester.ledger import (
    Ledger,
    Tx,
    activity,
    actor_runs,
    airtable_slots,
    counted,
    deliveries,
    outbox_counts,
    parked,
    pauses,
)
from services import outages, pulse
from services.readiness import free_bytes


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted. Ages are seconds; what is None is not known, or does not apply."""

    creations: Mapping[str, int]
    deliveries: Mapping[str, int]
    actor_runs: Mapping[str, int]
    client_runs: Mapping[str, int]
    dead_letters: int
    posts: int
    cost_usd: float
    #: Services that cannot be asked now: 1, those that can: 0.
    outages: Mapping[str, int]
    #: How long the row waits that has waited the longest, for a `start` and for a `step`.
    waits: Mapping[str, float]
    alerts: int
    starts_paused: bool
    #: When a worker last said that it is alive, in seconds of Unix time.
    worker_seen_at: float | None
    #: When the last job run of several clients has ended, and whether all went well.
    job_run_ended_at: float | None
    job_run_is_well: bool | None
    free_bytes: int | None
    #: None where Airtable is off.
    airtable: AirtableCounted | None


@dataclass(frozen=True, slots=True)
class AirtableCounted:
    """What Airtable is owed, and what it was asked."""

    rows: Mapping[str, int]
    owed_seconds: float
    requests: int
    refused: int


class Counters:
    """Counts, in the ledger."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime], *, mirrored: bool) -> None:
        """Build it. `mirrored`: Airtable is to show what the ledger holds."""
        self._ledger = ledger
        self._clock = clock
        self._mirrored = mirrored

    def __call__(self) -> Counted:
        """Count everything as of one moment. Raises `LedgerUnavailable`."""
        with self._ledger.read() as tx:
            now = self._clock()
            created, failed = activity.count(tx, "create")
            beat = pulse.last(tx)
            job = counted.last_job_run(tx)
            ended_at, status = job if job is not None else (None, None)
            return Counted(
                creations={"created": created, "failed": failed},
                deliveries=deliveries.count_by_outcome(tx),
                actor_runs=actor_runs.count_by_state(tx),
                client_runs=counted.client_runs_by_status(tx),
                dead_letters=parked.count(tx),
                posts=counted.stored_posts(tx),
                cost_usd=counted.cost_micros(tx) / 1_000_000,
                outages=self._outages(tx, now),
                waits=_waits(tx, now),
                alerts=counted.standing_alerts(tx, now=now),
                starts_paused=pauses.get(tx, pauses.ALL) is not None,
                worker_seen_at=beat.at.timestamp() if beat is not None else None,
                job_run_ended_at=ended_at.timestamp() if ended_at is not None else None,
                job_run_is_well=status == "Completed" if ended_at is not None else None,
                free_bytes=free_bytes(self._ledger),
                airtable=_airtable(tx, now) if self._mirrored else None,
            )

    def _outages(self, tx: Tx, now: datetime) -> dict[str, int]:
        found = {"apify": int(outages.now(tx) is not None)}
        if self._mirrored:
            found["airtable"] = int(any(slot.out for slot in airtable_slots.blocked(tx, now=now)))
        return found


def _waits(tx: Tx, now: datetime) -> dict[str, float]:
    since = counted.due_since(tx, now=now)
    return {name: (now - since[name]).total_seconds() if name in since else 0.0 for name in ("start", "step")}


def _airtable(tx: Tx, now: datetime) -> AirtableCounted:
    since = counted.owed_since(tx)
    requests, refused = counted.requests_to_airtable(tx)
    return AirtableCounted(
        rows=outbox_counts.standing(tx),
        owed_seconds=max(0.0, (now - since).total_seconds()) if since is not None else 0.0,
        requests=requests,
        refused=refused,
    )
