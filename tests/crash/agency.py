"""A small agency, the settings under which it is harvested fast, and what must be true of it afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from factories import make_client
from sqlalchemy import select

from harvester.ledger import Ledger, Tx, activity, actor_runs, leads, metrics
from harvester.ledger.client_runs import page
from harvester.ledger.job_tables import job_runs
from harvester.ledger.tables import actor_runs as rows
from harvester.models import ActorRun, ActorRunState, ClientRunStatus, LeadStatus
from harvester.sandbox.apify import SandboxApify
from services.overview import Overview

SANDBOX_TOKEN = "sandbox-token-of-the-crash-tests"
MARKER_KEY = "postHarvesterMarker"
#: Client ID, and the handles of its leads; some are of a kind that the sandbox treats specially.
AGENCY = {
    "Aurora": ["ada-a1", "bea-a2", "cyd-no-posts", "dag-a4", "eli-error", "fay-a6"],
    "Blue-Harbor": ["gus-b1", "hal-b2", "ida-nonsense", "jon-b4", "kim-b5", "lee-b6"],
    "Cobalt": ["mia-c1"],
}
_CREATED = datetime(2026, 11, 1, tzinfo=UTC)


def sandbox(*, time_scale: float, run_seconds: float) -> SandboxApify:
    """An Apify whose people write the same posts in every test."""
    return SandboxApify(
        token=SANDBOX_TOKEN,
        seed=11,
        time_scale=time_scale,
        run_seconds=run_seconds,
        anchor=datetime(2026, 11, 22, tzinfo=UTC),
    )


def found(ledger: Ledger, *, batch_size: int, leads_each: int = 6) -> None:
    """Store the clients and their leads; the targets are out of reach, so that every lead is harvested."""
    for client_id, handles in AGENCY.items():
        make_client(ledger, client_id, daily_target=100, batch_size=batch_size)
        with ledger.write() as tx:
            leads.add(tx, client_id, [_lead(handle) for handle in handles[:leads_each]])


def _lead(handle: str) -> dict[str, Any]:
    url = f"https://www.linkedin.com/in/{handle}"
    return {"profile_url": url, "given_url": url, "name": handle, "extra": {}, "created_at": _CREATED}


def over(ledger: Ledger) -> bool:
    """Say whether every client has a client run and every client run is over."""
    with ledger.read() as tx:
        runs, _ = page(tx, limit=1_000)
    final = [run for run in runs if run.status is not ClientRunStatus.RUNNING]
    return len(final) == len(runs) and {run.client_id for run in runs} == set(AGENCY)


def started(ledger: Ledger) -> bool:
    """Say whether an actor run is at work."""
    with ledger.read() as tx:
        at_work = select(rows.c.id).where(rows.c.state == ActorRunState.RUNNING)
        return tx.execute(at_work.limit(1)).first() is not None


def harvested(ledger: Ledger) -> dict[str, Any]:
    """Give what was harvested, without what differs from one harvest to another anyhow: IDs and times."""
    overview = Overview(ledger)
    return {
        client_id: {
            "runs": [
                (run["status"], run["metrics"]) for run in overview.runs(limit=9, client_id=client_id).rows
            ],
            "posts": {
                post["postKey"]: (post["text"], post["leads"])
                for post in overview.every_post(client_id=client_id, client_run_id=None)
            },
            "leads": {
                lead["linkedinProfileUrl"]: (lead["status"], lead["postsFoundLastRun"])
                for lead in overview.leads(client_id)
            },
        }
        for client_id in AGENCY
    }


def wrongs(ledger: Ledger, starts: Counter[str], clients: Collection[str] = tuple(AGENCY)) -> list[str]:
    """Name everything that must never be: of a harvest that is over, whatever happened on its way.

    `starts` says how often the sandbox started an actor run for each marker and attempt.
    """
    of_batch: Counter[str] = Counter()
    for marker, count in starts.items():
        of_batch[marker.partition(".")[0]] += count
    with ledger.read() as tx:
        runs, _ = page(tx, limit=1_000)
        checks = {f"{len(runs)} client run records, not one for each client": len(runs) == len(clients)}
        created, _ = activity.count(tx, "create")
        checks[f"{created} creations were counted"] = created == len(clients)
        for run in runs:
            recount = metrics.of_client_run(tx, run.client_run_id)
            checks[f"{run.client_id}: metrics {run.metrics}, recounted {recount}"] = run.metrics == recount
            for batch in actor_runs.of_client_run(tx, run.client_run_id):
                count = of_batch[batch.marker]
                checks[f"{run.client_id}: batch {batch.batch} was started {count} times"] = (
                    count == 1 or _never_sent(batch, count)
                )
        for client_id in AGENCY:
            counted = leads.count_by_status(tx, client_id)
            checks[f"{client_id}: leads are {counted}"] = LeadStatus.PROCESSING not in counted
        checks |= _of_jobs(tx)
    return [wrong for wrong, right in checks.items() if not right]


def _never_sent(batch: ActorRun, count: int) -> bool:
    return not count and batch.error_code == "client_run_cancelled"


def _of_jobs(tx: Tx) -> dict[str, bool]:
    """Look at the job runs: over with their harvests, and told of where they were for many clients."""
    found = tx.execute(select(job_runs)).all()
    checks = {f"{len(found)} job runs for one day": len(found) == 1 or all(not job.plan for job in found)}
    for job in found:
        is_over = job.finished_at is not None and job.kickoffs_due_at is None
        checks[f"job run {job} is not over"] = is_over and job.status != ClientRunStatus.RUNNING
        checks[f"job run {job} was never told of"] = job.plan is None or job.reported_at is not None
    return checks
