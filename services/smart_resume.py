"""Smart resume: after a failure the same call goes on with what is missing, one at a time across processes.

It is a job run like any other, which holds a lock in the ledger while it is live: no thread waits for it.
The workers that look after it keep its heartbeat, and it ends with the last client run that it waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from harvester import log
from harvester.jobs import JobPlan, JobRun
from harvester.ledger import Ledger, Tx, activity, job_clients, job_runs
from harvester.models import ClientRunStatus
from services import job_reports, job_shapes, resume_lock, shapes
from services.process import Ask, JobAnswer, Process

#: The source of what it starts.
SOURCE: Final = "smart_resume_workflow"

_log = log.get_logger(__name__)


class SmartResume:
    """Starts a smart resume, shows how it stands, and lets a person end one."""

    def __init__(
        self, ledger: Ledger, process: Process, clock: Callable[[], datetime], *, stale: timedelta
    ) -> None:
        self._ledger = ledger
        self._process = process
        self._clock = clock
        self._stale = stale

    def start(self, ask: Ask) -> JobAnswer:
        """Start one, unless one is live. A live one that no worker looks after is taken over.

        `ask` is narrowed as for a process; its plan and source are the smart resume's. Raises
        `ResumeInProgress`, and what `Process.order` raises.
        """
        return self._process.order(replace(ask, plan=JobPlan.RESUME, source=SOURCE))

    def state(self) -> dict[str, Any]:
        """Show the live one with its clients, or, when none is, the last one with its report."""
        with self._ledger.read() as tx:
            live = job_runs.holder(tx, JobPlan.RESUME)
            if live is not None:
                return {"running": True, **self._live(tx, live), "last": None}
            last = job_runs.latest(tx, JobPlan.RESUME)
            return {"running": False, "runId": None, "last": _ended(tx, last) if last else None}

    def _live(self, tx: Tx, live: JobRun) -> dict[str, Any]:
        now = self._clock()
        runs = {run.client_run_id: run for run in job_clients.runs_of(tx, live.run_id)}
        return {
            "runId": live.run_id,
            "stream": live.stream,
            "client": live.only_client,
            "limit": live.most_clients,
            "owner": live.owner,
            "startedAt": shapes.time(live.started_at),
            "heartbeatAt": shapes.time(live.heartbeat_at),
            "ageSeconds": int((now - live.started_at).total_seconds()),
            "stale": resume_lock.is_stale(live, now, self._stale),
            "kickingOff": live.kickoffs_due_at is not None,
            "clients": [
                job_shapes.decision(one, runs.get(one.client_run_id or ""))
                for one in job_clients.of_job(tx, live.run_id)
            ],
        }

    def reset(self, by: str) -> str | None:
        """End the live one by hand, and give its run ID; None if none is live. Its harvests go on."""
        now = self._clock()
        with self._ledger.write() as tx:
            tx.exclusively("smart resume")
            found = job_runs.holder(tx, JobPlan.RESUME)
            live = job_runs.get(tx, found.run_id, lock=True) if found is not None else None
            if live is None or live.holds is None:  # it has ended just now
                return None
            note = f"ended by hand ({by}); its harvests go on by themselves"
            job_runs.close(tx, live.run_id, status=ClientRunStatus.CANCELLED, note=note, now=now)
            ids = {"client_run_id": None, "client_id": live.only_client}
            told = f"smart resume {live.run_id}: {note}"
            activity.record(tx, "end resume", source=by, **ids, ok=True, detail=told, now=now)
        _log.warning("Smart resume %s was %s", live.run_id, note)
        return live.run_id


def _ended(tx: Tx, job: JobRun) -> dict[str, Any]:
    count, counted = job_clients.sums(tx, [job.run_id])[job.run_id]
    return {**job_shapes.job(job, counted, count), "report": job_reports.report(tx, job.run_id)}
