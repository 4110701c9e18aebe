"""What a job run decided about each client, and which client runs it waits for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, exists, func, or_, select

from harvester.jobs import JobClient, JobDecision, JobRun
from harvester.ledger import rows
from harvester.ledger.client_runs import from_row as client_run
from harvester.ledger.database import Tx
from harvester.ledger.job_tables import job_clients
from harvester.ledger.tables import actor_runs, client_runs, clients
from harvester.models import ActorRunState, ClientRun, ClientRunStatus, Metrics

_METRICS: Final = tuple(Metrics.__dataclass_fields__)


def from_row(row: Any) -> JobClient:
    """Read one row."""
    return rows.as_record(JobClient, row, decision=JobDecision(row.decision))


def decide(tx: Tx, decided: Iterable[JobClient]) -> None:
    """Write down what was decided about clients. What was decided before is left as it was."""
    names = JobClient.__dataclass_fields__
    values = [{name: getattr(each, name) for name in names} for each in decided]
    if values:
        tx.execute(rows.upsert(tx, job_clients).on_conflict_do_nothing(), values)


def of_job(tx: Tx, run_id: str) -> list[JobClient]:
    """Give what a job run decided, by client."""
    statement = select(job_clients).where(job_clients.c.run_id == run_id).order_by(job_clients.c.client_id)
    return [from_row(row) for row in tx.execute(statement)]


def jobs_of(tx: Tx, client_run_id: str) -> list[str]:
    """Name the job runs that have started or taken on a client run."""
    statement = select(job_clients.c.run_id).where(job_clients.c.client_run_id == client_run_id)
    return list(tx.execute(statement).scalars())


def undecided(tx: Tx, job: JobRun, *, status: str, limit: int) -> list[str]:
    """Name the next clients, by ID, that a job run is for and has not decided about yet.

    Those of this client `status`; the one client that is asked for by name is named whatever its status.
    """
    decided = select(func.max(job_clients.c.client_id), func.count()).where(
        job_clients.c.run_id == job.run_id
    )
    last, count = tx.execute(decided).one()
    room = limit if job.most_clients is None else min(limit, job.most_clients - count)
    if room < 1:
        return []
    # They are decided about in the order of their IDs: behind the last one nobody is.
    behind = [] if last is None else [clients.c.client_id > last]
    statement = select(clients.c.client_id).where(*_narrowed(job, status), *behind)
    return list(tx.execute(statement.order_by(clients.c.client_id).limit(room)).scalars())


def _narrowed(job: JobRun, status: str) -> list[Any]:
    if job.only_client is None:
        wanted = [clients.c.status == status]
    else:
        wanted = [clients.c.client_id == job.only_client]
    if job.stream is not None:
        wanted.append(clients.c.stream == job.stream)
    if job.without_schedule:
        wanted.append(clients.c.schedule.is_(None))
    return wanted


def any_live(tx: Tx, run_id: str) -> bool:
    """Say whether a client run of a job run is live, its own or one that it has taken on."""
    live = client_runs.c.status == ClientRunStatus.RUNNING
    own = exists().where(client_runs.c.run_id == run_id, live)
    taken_on = exists().where(
        job_clients.c.run_id == run_id,
        job_clients.c.decision == JobDecision.TAKEN_ON,
        client_runs.c.client_run_id == job_clients.c.client_run_id,
        live,
    )
    return bool(tx.execute(select(or_(own, taken_on))).scalar_one())


def statuses(tx: Tx, run_id: str) -> list[ClientRunStatus]:
    """Say how the client runs of a job run stand, its own and those that it has taken on."""
    statement = select(client_runs.c.status).where(_belongs_to(run_id))
    return [ClientRunStatus(status) for status in tx.execute(statement).scalars()]


def runs_of(tx: Tx, run_id: str) -> list[ClientRun]:
    """Give the client runs of a job run by client, its own and those that it has taken on."""
    statement = select(client_runs).where(_belongs_to(run_id)).order_by(client_runs.c.client_id)
    return [client_run(row) for row in tx.execute(statement)]


def _belongs_to(run_id: str) -> ColumnElement[bool]:
    taken_on = select(job_clients.c.client_run_id).where(
        job_clients.c.run_id == run_id, job_clients.c.decision == JobDecision.TAKEN_ON
    )
    return or_(client_runs.c.run_id == run_id, client_runs.c.client_run_id.in_(taken_on))


def counts(tx: Tx, run_ids: Sequence[str]) -> dict[str, Counter[JobDecision]]:
    """Count what job runs decided, by decision."""
    statement = (
        select(job_clients.c.run_id, job_clients.c.decision, func.count())
        .where(job_clients.c.run_id.in_(run_ids))
        .group_by(job_clients.c.run_id, job_clients.c.decision)
    )
    found: dict[str, Counter[JobDecision]] = {run_id: Counter() for run_id in run_ids}
    for run_id, decision, count in tx.execute(statement):
        found[run_id][JobDecision(decision)] = count
    return found


def deleted(tx: Tx, run_id: str) -> set[str]:
    """Name the client runs that a job run has started or taken on, and whose records were deleted."""
    statement = (
        select(job_clients.c.client_run_id)
        .outerjoin(client_runs, client_runs.c.client_run_id == job_clients.c.client_run_id)
        .where(
            job_clients.c.run_id == run_id,
            job_clients.c.decision.in_([JobDecision.STARTED, JobDecision.TAKEN_ON]),
            client_runs.c.id.is_(None),
        )
    )
    return set(tx.execute(statement).scalars())


def any_at_work(tx: Tx, client_run_ids: Collection[str]) -> bool:
    """Say whether an actor run of these client runs is still open, whatever became of their records."""
    if not client_run_ids:
        return False
    still_open = actor_runs.c.state.not_in([ActorRunState.INGESTED, ActorRunState.FAILED])
    statement = select(actor_runs.c.id).where(actor_runs.c.client_run_id.in_(client_run_ids), still_open)
    return tx.execute(statement.limit(1)).first() is not None


def sums(tx: Tx, run_ids: Sequence[str]) -> dict[str, tuple[int, Metrics]]:
    """Count the client runs of job runs, their own, and sum up their metrics."""
    totals = [func.sum(getattr(client_runs.c, name)) for name in _METRICS]
    statement = (
        select(client_runs.c.run_id, func.count(), *totals)
        .where(client_runs.c.run_id.in_(run_ids))
        .group_by(client_runs.c.run_id)
    )
    found = {run_id: (0, Metrics()) for run_id in run_ids}
    for run_id, count, *summed in tx.execute(statement):
        found[run_id] = (
            count,
            Metrics(**{name: int(value) for name, value in zip(_METRICS, summed, strict=True)}),
        )
    return found
