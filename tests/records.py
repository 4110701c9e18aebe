"""What the tests of kickoff, run records and settling read in the ledger, and a day that they begin with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, RUN_ID, end_run, make_leads, make_run

from harvester.jobs import JobRun
from harvester.ledger import Ledger, activity, actor_runs, client_runs, job_runs, job_tables, outcomes, tables
from harvester.ledger.outcomes import Outcome
from harvester.models import ActorRun, ClientRun, ClientRunStatus, Lead, LeadStatus, Target
from services import run_records

FULL_ID = f"{RUN_ID}-{CLIENT_ID}"
NOTHING = {"client_runs": 0, "job_runs": 0, "actor_runs": 0, "lead_outcomes": 0}


def get(ledger: Ledger, full_id: str = FULL_ID) -> ClientRun | None:
    """Give a client run record, if it is there."""
    with ledger.read() as tx:
        return run_records.get(tx, full_id)


def record(ledger: Ledger, full_id: str = FULL_ID) -> ClientRun:
    """Give a client run record; it must be there."""
    with ledger.read() as tx:
        found = client_runs.get(tx, full_id)
    assert found is not None, "the record is missing"
    return found


def job(ledger: Ledger, run_id: str = RUN_ID) -> JobRun:
    """Give a job tracking record; it must be there."""
    with ledger.read() as tx:
        found = job_runs.get(tx, run_id)
    assert found is not None, "the job tracking record is missing"
    return found


def all_records(ledger: Ledger) -> list[ClientRun]:
    """Give every client run record."""
    with ledger.read() as tx:
        return client_runs.page(tx, limit=100)[0]


def batches(ledger: Ledger, full_id: str = FULL_ID) -> list[ActorRun]:
    """Give a client run's actor runs."""
    with ledger.read() as tx:
        return actor_runs.of_client_run(tx, full_id)


def sent(ledger: Ledger, full_id: str = FULL_ID) -> list[list[str]]:
    """Give the profile URLs of each batch."""
    with ledger.read() as tx:
        of_batches: list[list[Target]] = [
            actor_runs.targets(tx, run.id) for run in actor_runs.of_client_run(tx, full_id)
        ]
    return [sorted(target.target_url for target in batch) for batch in of_batches]


def urls(*found: Lead) -> list[str]:
    """Give the profile URLs of leads, as `sent` gives those of a batch."""
    return sorted(lead.profile_url for lead in found)


def count(ledger: Ledger) -> dict[str, int]:
    """Count what a kickoff makes."""
    made = (tables.client_runs, job_tables.job_runs, tables.actor_runs, tables.lead_outcomes)
    with ledger.read() as tx:
        return {table.name: len(tx.execute(table.select()).all()) for table in made}


def create(ledger: Ledger, **changes: Any) -> ClientRun:
    """Create the record of one client run."""
    values: dict[str, Any] = {
        "run_id": RUN_ID,
        "client_id": CLIENT_ID,
        "client_name": "Guy Wilson",
        "source": "orchestrator",
        "now": NOW,
        **changes,
    }
    with ledger.write() as tx:
        return run_records.create(tx, **values)


def delete(ledger: Ledger, full_id: str = FULL_ID) -> None:
    """Do what a person may: delete the record."""
    with ledger.write() as tx:
        tx.execute(tables.client_runs.delete().where(tables.client_runs.c.client_run_id == full_id))


def found_today(ledger: Ledger, number: int, *, cost_micros: int = 0, at: datetime = NOW) -> None:
    """Have an earlier client run of the day that found posts and cost money."""
    (lead,) = make_leads(ledger, status=LeadStatus.DONE)
    (run,) = make_run(ledger, [[lead]], run_id="261121-000000", now=at)
    end_run(ledger, run, now=at, cost_micros=cost_micros, start_requested_at=at)
    with ledger.write() as tx:
        outcomes.decide(tx, run.id, [Outcome(lead.id, "Done", number)], now=at)
        client_runs.finish(tx, run.client_run_id, status=ClientRunStatus.COMPLETED, now=at)


def harvested(ledger: Ledger, run: ActorRun, posts_found: int = 0, **values: Any) -> None:
    """End a batch as ingest does, each of its leads with so many posts."""
    end_run(ledger, run, now=NOW, **{"cursor": posts_found, **values})
    with ledger.write() as tx:
        done = [Outcome(target.lead_id, "Done", posts_found) for target in actor_runs.targets(tx, run.id)]
        outcomes.decide(tx, run.id, done, now=NOW)


def ended(ledger: Ledger, full_id: str = FULL_ID) -> None:
    """End a client run and its batches, without a post."""
    for run in batches(ledger, full_id):
        end_run(ledger, run, now=NOW + timedelta(days=9))
    with ledger.write() as tx:
        client_runs.finish(tx, full_id, status=ClientRunStatus.COMPLETED, now=NOW)


def log_of(ledger: Ledger, full_id: str = FULL_ID) -> list[tuple[str, str | None, bool]]:
    """Give what the activity log has of a client run: operation, source, success."""
    with ledger.read() as tx:
        lines = activity.of_client_run(tx, full_id, limit=100)
    return [(line["operation"], line["source"], line["ok"]) for line in lines]


def creations(ledger: Ledger) -> tuple[int, int]:
    """Count the creations that succeeded and failed."""
    with ledger.read() as tx:
        return activity.count(tx, "create")


def logged(lines: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Give level and message of every line."""
    return [(level, message) for _, level, message in lines.record_tuples]
