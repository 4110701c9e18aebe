"""The ledger compared with itself: what is stuck, and sums that do not agree with what they sum up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from harvester import run_ids
from harvester.ledger import Ledger, Tx, actor_runs, client_runs, leads, self_checks
from harvester.ledger.self_checks import Job
from harvester.models import ActorRunState, ClientRun, ClientRunStatus, Metrics
from services.consistency_findings import Code, Finding, Remedy
from services.jobs import worst_of

#: Most client runs that are named as stuck at once.
_MOST: Final = 10_000
_OVER: Final = (ActorRunState.INGESTED, ActorRunState.FAILED)


class LedgerCheck:
    """Looks twice, with a pause between: what the workers are about to do anyway is no finding.

    `due` names the client runs that are to be settled; `stale_lead` is after how long a lead that nobody has
    should have been healed; `timeout` after how long a job run without client runs should be over.
    """

    def __init__(
        self,
        ledger: Ledger,
        due: Callable[[Tx, int], list[str]],
        clock: Callable[[], datetime],
        *,
        stale_lead: timedelta,
        timeout: timedelta,
        pause: Callable[[], object],
    ) -> None:
        self._ledger = ledger
        self._due = due
        self._clock = clock
        self._stale_lead = stale_lead
        self._timeout = timeout
        self._pause = pause

    def __call__(self) -> list[Finding]:
        """Give what is wrong. Raises `LedgerUnavailable`."""
        first = self._look()
        if not first:
            return []
        self._pause()
        again = {(one.code, one.key) for one in self._look()}
        return [one for one in first if (one.code, one.key) in again]

    def _look(self) -> list[Finding]:
        with self._ledger.read(patient=True) as tx:
            found = (self._stuck_runs(tx), self._stuck_leads(tx), _metrics(tx), self._jobs(tx), _missing(tx))
            return [finding for findings in found for finding in findings]

    def _stuck_runs(self, tx: Tx) -> Iterator[Finding]:
        for full_id in self._due(tx, _MOST):
            run = client_runs.get(tx, full_id)
            if run is None:
                continue
            left = sum(batch.state not in _OVER for batch in actor_runs.of_client_run(tx, full_id))
            why = f"{left} actor runs of it are not over" if left else "nothing of it is open any more"
            told = f"Running since {run.created_at:%Y-%m-%d %H:%M} UTC, and {why}"
            yield Finding(Code.CLIENT_RUN_STUCK, told, Remedy.SETTLE, full_id, run.client_id)

    def _stuck_leads(self, tx: Tx) -> Iterator[Finding]:
        for lead in leads.left_behind(tx, now=self._clock(), stale_after=self._stale_lead):
            since = f"{lead.last_check_at:%Y-%m-%d %H:%M} UTC" if lead.last_check_at else "nobody knows when"
            told = f"Processing since {since}, and no actor run has it"
            yield Finding(Code.LEAD_STUCK, told, Remedy.HEAL, lead.profile_url, lead.client_id)

    def _jobs(self, tx: Tx) -> Iterator[Finding]:
        for job in self_checks.jobs(tx):
            told = self._wrong(job)
            if told:
                yield Finding(Code.JOB_RUN_DIFFERS, told, Remedy.SUM_UP, job.run_id)

    def _wrong(self, job: Job) -> str | None:
        """Say how a job run disagrees with its client runs."""
        live = ClientRunStatus.RUNNING
        if not job.client_runs:
            overdue = job.status is live and self._clock() - job.started_at >= self._timeout
            return "Running, and it has no client run" if overdue else None
        if live in job.client_runs:
            return None if job.status is live else f"{job.status}, and a client run of it is Running"
        summed = worst_of(list(job.client_runs))
        return None if job.status is summed else f"{job.status}, and its client runs sum up to {summed}"


def _missing(tx: Tx) -> Iterator[Finding]:
    """Name the client runs of which there is no record: nobody but a person makes one anew."""
    for full_id, client_id in self_checks.without_record(tx):
        if not run_ids.is_client_run_id(full_id):
            continue  # what was taken over from an earlier harvest never had one
        told = (
            "has actor runs and no record; sums over client runs are without it. Make it again: python "
            f"scripts/create_run_record.py --run-id {full_id[:13]} --client-id {client_id}"
        )
        yield Finding(Code.RECORD_MISSING, told, Remedy.PERSON, full_id, client_id)


def _metrics(tx: Tx) -> Iterator[Finding]:
    """Compare the records of client runs that are over, with all their actor runs, with a recount."""
    for run, truth in self_checks.recounted(tx):
        batches = actor_runs.of_client_run(tx, run.client_run_id)
        if run.status is not ClientRunStatus.RUNNING and all(batch.state in _OVER for batch in batches):
            told = _differences(run, truth)
            yield Finding(Code.METRICS_DIFFER, told, Remedy.RECOUNT, run.client_run_id, run.client_id)


def _differences(run: ClientRun, truth: Metrics) -> str:
    pairs = (
        (name, getattr(run.metrics, name), getattr(truth, name)) for name in Metrics.__dataclass_fields__
    )
    return "; ".join(f"{name} is {has}, counted {counted}" for name, has, counted in pairs if has != counted)
