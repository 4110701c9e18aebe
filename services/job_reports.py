"""What job runs are for, how they stand, and the report of each when it has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from harvester import log, run_ids
from harvester.errors import InvalidInput
from harvester.jobs import JobClient, JobDecision, JobPlan, JobRun
from harvester.ledger import Ledger, Tx, job_clients, job_runs
from harvester.models import ClientRun, ClientRunStatus, Metrics
from services import job_shapes
from services.alerts import over, raise_alert
from services.listing import Listing

#: Lines of an alert about single clients; the others are counted.
_LINES: Final = 20
_REASON_CHARS: Final = 200
_BAD: Final = (ClientRunStatus.FAILED, ClientRunStatus.COMPLETED_WITH_ERRORS)

_log = log.get_logger(__name__)


def report(tx: Tx, run_id: str) -> dict[str, Any] | None:
    """Report what was done for each client of a job run so far; None if there is no such job run."""
    found = job_runs.get(tx, run_id)
    if found is None:
        return None
    return job_shapes.report(found, job_clients.of_job(tx, run_id), job_clients.runs_of(tx, run_id))


def job(
    tx: Tx, run_id: str, shown: Callable[[Tx, Sequence[ClientRun]], list[dict[str, Any]]]
) -> dict[str, Any] | None:
    """Show one job run with its client runs, as `shown` shows those; None if there is none of this ID.

    `decisions` says what was decided about each client. The report is there once it has ended.
    """
    found = job_runs.get(tx, run_id)
    if found is None:
        return None
    runs, decided = job_clients.runs_of(tx, run_id), job_clients.of_job(tx, run_id)
    own = [run for run in runs if run.run_id == run_id]
    by_id = {run.client_run_id: run for run in runs}
    has_ended = found.status is not ClientRunStatus.RUNNING
    return {
        **job_shapes.job(found, job_shapes.summed(own), len(own)),
        "clients": shown(tx, own),
        "decisions": [job_shapes.decision(one, by_id.get(one.client_run_id or "")) for one in decided],
        "report": job_shapes.report(found, decided, runs) if has_ended else None,
    }


class JobReports:
    """Shows job runs, and tells once of each that was for many clients how it ended."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    def jobs(self, *, limit: int, before: str | None = None) -> Listing:
        """List job runs with their sums, newest run ID first. Raises `InvalidInput` for a bad cursor."""
        with self._ledger.read() as tx:
            found, cursor = job_runs.page(tx, limit=limit, before=_cursor(before))
            sums = job_clients.sums(tx, [job.run_id for job in found])
        rows = [job_shapes.job(job, sums[job.run_id][1], sums[job.run_id][0]) for job in found]
        return Listing(rows, cursor)

    def standing(self, run_id: str) -> tuple[JobRun, int, Counter[ClientRunStatus]] | None:
        """Say how a job run stands: about how many clients it decided, and how its client runs stand."""
        with self._ledger.read() as tx:
            found = job_runs.get(tx, run_id)
            if found is None:
                return None
            decided = job_clients.counts(tx, [run_id])[run_id].total()
            return found, decided, Counter(job_clients.statuses(tx, run_id))

    def report(self, run_id: str) -> dict[str, Any] | None:
        """Report what a job run has done so far; None if there is no such job run."""
        with self._ledger.read() as tx:
            return report(tx, run_id)

    def so_far(self, run_id: str) -> dict[str, Any] | None:
        """Show a job run with its report, whether it has ended or not; None if there is none of this ID."""
        with self._ledger.read() as tx:
            found = job_runs.get(tx, run_id)
            if found is None:
                return None
            decided, runs = job_clients.of_job(tx, run_id), job_clients.runs_of(tx, run_id)
        own = [run for run in runs if run.run_id == run_id]
        shown = job_shapes.job(found, job_shapes.summed(own), len(own))
        return {**shown, "report": job_shapes.report(found, decided, runs)}

    def tell(self, run_id: str) -> bool:
        """Tell how a job run has ended: to the log, and to whoever is told of alerts where it concerns them.

        They get the report of every smart resume, client by client, what went wrong first; and the sums of a
        process in which something failed that nobody cancelled.
        The ping of a job run that a schedule has fired is due with it, unless it has failed. False if it has
        not ended, or was told of before.
        """
        now = self._clock()
        with self._ledger.write() as tx:
            job = job_runs.get(tx, run_id, lock=True)
            if job is None or job.plan is None or job.status is ClientRunStatus.RUNNING:
                return False
            failed = job.status is ClientRunStatus.FAILED
            ping = now if job.schedule is not None and not failed else None
            if not job_runs.reported(tx, run_id, now=now, ping_due_at=ping):
                return False
            self._told(tx, job, now)
        return True

    def _told(self, tx: Tx, job: JobRun, now: datetime) -> None:
        decided, runs = job_clients.of_job(tx, job.run_id), job_clients.runs_of(tx, job.run_id)
        text, troubles = _in_words(job, decided, runs), _troubles(job, decided, runs)
        is_well = not troubles and job.status is not ClientRunStatus.FAILED
        resumed = job.plan is JobPlan.RESUME
        lines = [*troubles, *_others(job, decided, runs)] if resumed else troubles[:_LINES]
        tx.after_commit(lambda: _log_lines(job.run_id, [text, *lines], is_well=is_well))
        if resumed:
            more = len(lines) - _LINES
            last = [f"… and {more} more: see harvester jobs {job.run_id}"] if more > 0 else []
            self._alerted(tx, job, "\n".join([text, *lines[:_LINES], *last]), now)
        elif not is_well:  # of each client that failed they are told by itself
            self._alerted(tx, job, f"{text}. See harvester jobs {job.run_id}", now)

    def _alerted(self, tx: Tx, job: JobRun, text: str, now: datetime) -> None:
        key = f"report {job.run_id}"
        raise_alert(tx, key, text, now=now, in_log=True)
        over(tx, key, now)  # it is told once, and nothing about it stands


def _log_lines(run_id: str, lines: list[str], *, is_well: bool) -> None:
    for line in lines:
        (_log.info if is_well else _log.warning)("%s", line, runId=run_id)


def _in_words(job: JobRun, decided: list[JobClient], runs: list[ClientRun]) -> str:
    counts = Counter(one.decision for one in decided)
    own = job_shapes.summed(run for run in runs if run.run_id == job.run_id)
    note = f" ({job.note})" if job.note else ""
    kind = "Smart resume" if job.plan is JobPlan.RESUME else "Job run"
    told = f"{kind} {job.run_id} ended {job.status}{note}. {job_shapes.in_words(counts, own)}"
    others = [run for run in runs if run.run_id != job.run_id]
    if not others:
        return told
    return f"{told}. Taken on, and counted in their own job runs: {_figures(job_shapes.summed(others))}"


def _troubles(job: JobRun, decided: list[JobClient], runs: list[ClientRun]) -> list[str]:
    """Say of each client what went wrong; what a person has cancelled is nothing that went wrong."""
    found = [
        f"{one.client_id}: not started: {one.reason}" for one in decided if one.decision is JobDecision.FAILED
    ]
    for run in runs:
        if run.status in _BAD:
            told = (run.system_notes.rstrip().splitlines() or [""])[-1][:_REASON_CHARS]
            found.append(f"{_ended(job, run)}: {told}")
    return found


def _others(job: JobRun, decided: list[JobClient], runs: list[ClientRun]) -> list[str]:
    """Say of each client with which all is well what was done, or why nothing was."""
    skipped = [one for one in decided if one.decision is JobDecision.SKIPPED]
    found = [_ended(job, run) for run in runs if run.status not in _BAD]
    return sorted([*found, *(f"{one.client_id}: skipped: {one.reason}" for one in skipped)])


def _ended(job: JobRun, run: ClientRun) -> str:
    taken_on = "" if run.run_id == job.run_id else "taken on, "
    return f"{run.client_id}: {taken_on}{run.client_run_id} ended {run.status}, {_figures(run.metrics)}"


def _figures(counted: Metrics) -> str:
    posts = "1 post" if counted.posts_harvested == 1 else f"{counted.posts_harvested} posts"
    return f"{posts}, {counted.cost_micros / 1_000_000:.4f} USD"


def _cursor(given: str | None) -> str | None:
    try:
        return None if given is None else run_ids.parse_base(given)
    except InvalidInput:
        raise InvalidInput(
            "cursor must be the nextCursor of an earlier answer", code="invalid_cursor"
        ) from None
