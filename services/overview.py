"""Overview: what the API and the commands show. It only reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from harvester.ledger import (
    Ledger,
    Tx,
    activity,
    actor_runs,
    client_runs,
    client_search,
    clients,
    deliveries,
    leads,
    outbox_counts,
    outbox_sending,
    outcomes,
    parked,
    posts,
    schema,
    story,
)
from harvester.ledger.mirroring import Kind
from harvester.models import ClientRun
from services import coverage, job_reports, outages, shapes
from services.listing import Listing as Listing

_OUTCOMES_SHOWN = 5


class Overview:
    """Reads the ledger for people and programs."""

    def __init__(self, ledger: Ledger, *, mirrored: bool = False) -> None:
        """Build it. `mirrored`: Airtable is to show what the ledger holds."""
        self._ledger = ledger
        self._mirrored = mirrored

    def run(self, full_id: str) -> dict[str, Any] | None:
        """Show one client run with its actor runs and errors; None if there is no record of it."""
        with self._ledger.read() as tx:
            found = client_runs.get(tx, full_id)
            if found is None:
                return None
            batches = actor_runs.of_client_run(tx, full_id)
            counts = story.counts(tx, full_id)
            return {
                **self._client_runs(tx, [found])[0],
                "actorRuns": [shapes.actor_run(batch, *counts.get(batch.id, (0, 0))) for batch in batches],
                "errors": [shapes.actor_run_error(batch) for batch in batches if batch.error_code],
                "coverage": coverage.summary(tx, full_id),
            }

    def runs(
        self,
        *,
        limit: int,
        before: int | None = None,
        client_id: str | None = None,
        status: str | None = None,
        run_id: str | None = None,
    ) -> Listing:
        """List client runs, newest first."""
        with self._ledger.read() as tx:
            found, cursor = client_runs.page(
                tx, limit=limit, before=before, client_id=client_id, status=status, run_id=run_id
            )
            return _listing(self._client_runs(tx, found), cursor)

    def _client_runs(self, tx: Tx, runs: Sequence[ClientRun]) -> list[dict[str, Any]]:
        owed = outbox_sending.of_keys(tx, Kind.CLIENT_RUN, [run.client_run_id for run in runs])
        return [
            shapes.client_run(run, shapes.in_airtable(owed.get(run.client_run_id), on=self._mirrored))
            for run in runs
        ]

    def job(self, run_id: str) -> dict[str, Any] | None:
        """Show one job run with its client runs: its totals are the sums over them."""
        with self._ledger.read() as tx:
            return job_reports.job(tx, run_id, self._client_runs)

    def clients(self, *, limit: int, after: str | None = None) -> Listing:
        """List clients by ID, with their leads counted by status."""
        with self._ledger.read() as tx:
            found = clients.page(tx, limit=limit + 1, after=after)
            counted = client_search.count_leads(tx, [one.client_id for one in found[:limit]])
            rows = [shapes.client(one, counted[one.client_id]) for one in found[:limit]]
        return Listing(rows, found[limit - 1].client_id if len(found) > limit else None)

    def client(self, client_id: str) -> dict[str, Any] | None:
        """Show one client."""
        with self._ledger.read() as tx:
            found = clients.get(tx, client_id)
            return shapes.client(found, leads.count_by_status(tx, client_id)) if found else None

    def leads(self, client_id: str) -> Iterator[dict[str, Any]]:
        """Give a client's leads in the order they came, each with what came of it."""
        after = 0
        while True:
            with self._ledger.read() as tx:
                found = leads.page(tx, client_id, limit=500, after=after)
                rows = [
                    shapes.lead(one, outcomes.by_lead(tx, one.id, limit=_OUTCOMES_SHOWN)) for one in found
                ]
            if not found:
                return
            yield from rows
            after = found[-1].id

    def posts(
        self,
        *,
        limit: int,
        before: int | None = None,
        client_id: str | None = None,
        client_run_id: str | None = None,
    ) -> Listing:
        """List posts, newest stored first."""
        with self._ledger.read() as tx:
            found, cursor = posts.page(
                tx, limit=limit, before=before, client_id=client_id, client_run_id=client_run_id
            )
        return _listing([shapes.post(one) for one in found], cursor)

    def every_post(self, *, client_id: str | None, client_run_id: str | None) -> Iterator[dict[str, Any]]:
        """Give all posts that match, newest stored first. Holds no transaction between pages."""
        cursor: str | None = None
        while True:
            page = self.posts(
                limit=500,
                before=int(cursor) if cursor else None,
                client_id=client_id,
                client_run_id=client_run_id,
            )
            yield from page.rows
            cursor = page.next_cursor
            if cursor is None:
                return

    def deliveries(self, *, limit: int, before: int | None = None, outcome: str | None = None) -> Listing:
        """List deliveries, newest first."""
        with self._ledger.read() as tx:
            found, cursor = deliveries.page(tx, limit=limit, before=before, outcome=outcome)
        return _listing([shapes.delivery(one) for one in found], cursor)

    def dead_letters(self, *, limit: int, before: int | None = None) -> Listing:
        """List dead letters, newest row first."""
        with self._ledger.read() as tx:
            found, cursor = parked.page(tx, limit=limit, before=before)
        return _listing([shapes.dead_letter(one) for one in found], cursor)

    def outage(self) -> str | None:
        """Say why Apify cannot be asked now; None if it can."""
        with self._ledger.read() as tx:
            found = outages.now(tx)
        return found.reason if found else None

    def counters(self) -> dict[str, dict[str, int]]:
        """Count for `/metrics`: over all processes, since they are counted in the ledger."""
        with self._ledger.read() as tx:
            created, failed = activity.count(tx, "create")
            return {
                "creations": {"created": created, "failed": failed},
                "deliveries": deliveries.count_by_outcome(tx),
                "actor_runs": actor_runs.count_by_state(tx),
                "dead_letters": {"parked": parked.count(tx)},
                "outages": {"apify": int(outages.now(tx) is not None)},
                "airtable": outbox_counts.standing(tx) if self._mirrored else {},
            }

    def ready(self) -> dict[str, str]:
        """Check each dependency of the web process by name: `ok`, or what is wrong."""
        with self._ledger.read() as tx:
            return {"ledger": "ok", "schema": _schema_state(tx)}


def _schema_state(tx: Tx) -> str:
    wrong = other_schema(schema.current(tx))
    return ": ".join(wrong) if wrong else "ok"


def other_schema(current: str | None) -> tuple[str, str] | None:
    """Say what is wrong with a ledger at this schema, and what to do; None if it is this program's own.

    Schemas are numbered: one that is greater than ours is a newer program's, and cannot be migrated.
    """
    newest = schema.newest()
    if current == newest:
        return None
    if current is not None and current > newest:
        problem = f"at {current}, which this version does not know (it knows up to {newest})"
        return problem, "install the version that wrote it"
    return f"at {current or 'none'}, {newest} is needed", "run harvester migrate"


def _listing(rows: list[dict[str, Any]], cursor: int | None) -> Listing:
    return Listing(rows, None if cursor is None else str(cursor))
