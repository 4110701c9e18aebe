"""How job runs look from outside: what was decided, what came of it, and the sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from harvester.jobs import JobClient, JobDecision, JobRun
from harvester.models import ClientRun, ClientRunStatus, Metrics
from services import shapes

_METRICS: Final = tuple(Metrics.__dataclass_fields__)
#: How each decision is counted.
_COUNTED: Final = {
    JobDecision.STARTED: "started",
    JobDecision.TAKEN_ON: "takenOn",
    JobDecision.SKIPPED: "skipped",
    JobDecision.FAILED: "failed",
}


def job(run: JobRun, counted: Metrics, client_runs: int) -> dict[str, Any]:
    """Show a job run with the sums over its client runs, and what it is for where it is for many clients."""
    return {
        **shapes.job(run, counted, client_runs),
        "plan": run.plan,
        "stream": run.stream,
        "client": run.only_client,
        "limit": run.most_clients,
        "schedule": run.schedule,
        "kickingOff": run.kickoffs_due_at is not None,
        "note": run.note,
    }


def accepted(decided: JobClient) -> dict[str, Any]:
    """Show a decision as the answer to an order has it: a client run that runs, or why there is none."""
    if decided.client_run_id is None:
        return {
            "clientId": decided.client_id,
            "skipped": True,
            "reason": decided.reason,
            "code": decided.code,
        }
    return {
        "clientId": decided.client_id,
        "clientRunId": decided.client_run_id,
        "status": ClientRunStatus.RUNNING,
        **({"takenOn": True} if decided.decision is JobDecision.TAKEN_ON else {}),
    }


def decision(decided: JobClient, run: ClientRun | None) -> dict[str, Any]:
    """Show a decision with what became of its client run by now."""
    return {
        "clientId": decided.client_id,
        "decision": decided.decision,
        "clientRunId": decided.client_run_id,
        "code": decided.code,
        "reason": decided.reason,
        "decidedAt": shapes.time(decided.decided_at),
        "status": run.status if run is not None else None,
    }


def report(job_run: JobRun, decided: Sequence[JobClient], runs: Sequence[ClientRun]) -> dict[str, Any]:
    """Show what was done for each client of a job run, and the sums.

    `metrics` sums up the job run's own client runs; those that it has taken on belong to other job runs, and
    are summed up apart.
    """
    own = [run for run in runs if run.run_id == job_run.run_id]
    others = [run for run in runs if run.run_id != job_run.run_id]
    by_client = {one.client_id: one for one in decided}
    by_run = {run.client_run_id: run for run in runs}
    rows = [_row(one, by_run.get(one.client_run_id or "")) for one in decided]
    rows += [_row(_joined(run), run) for run in own if run.client_id not in by_client]
    return {
        "clients": sorted(rows, key=lambda row: str(row["clientId"])),
        "sums": {
            "clients": len(rows),
            **_counts(row["decision"] for row in rows),
            "ended": dict(sorted(Counter(run.status.value for run in runs).items())),
            "metrics": shapes.metrics(summed(own)),
            "takenOnMetrics": shapes.metrics(summed(others)),
        },
    }


def _joined(run: ClientRun) -> JobClient:
    """Give a client run that was kicked off by itself under this run ID as a decision."""
    started = JobDecision.STARTED
    return JobClient(run.run_id, run.client_id, started, run.client_run_id, None, None, run.created_at)


def _row(decided: JobClient, run: ClientRun | None) -> dict[str, Any]:
    shown = decision(decided, run)
    if run is None:
        return shown
    notes = run.system_notes.rstrip().splitlines()
    return {
        **shown,
        "finishedAt": shapes.time(run.finished_at),
        "metrics": shapes.metrics(run.metrics),
        "told": notes[-1] if notes else None,
    }


def _counts(decisions: Iterable[JobDecision]) -> dict[str, int]:
    counted = Counter(decisions)
    return {name: counted[one] for one, name in _COUNTED.items()}


def summed(runs: Iterable[ClientRun]) -> Metrics:
    """Sum up the metrics of client runs."""
    several = list(runs)
    return Metrics(**{name: sum(getattr(run.metrics, name) for run in several) for name in _METRICS})


def purpose(run: JobRun) -> str:
    """Say in words what a job run is for."""
    if run.plan is None:
        return f"Started by {run.source}"
    whom = f"client {run.only_client}" if run.only_client is not None else "all active clients"
    if run.stream is not None:
        whom += f" of stream {run.stream}"
    if run.without_schedule:
        whom += " without a schedule of their own"
    if run.most_clients is not None:
        whom += f", the first {run.most_clients} by ID"
    by = f", by schedule {run.schedule}" if run.schedule is not None else ""
    return f"Started by {run.source}{by}: {run.plan} for {whom}"


def in_words(counts: Counter[JobDecision], counted: Metrics) -> str:
    """Say in one line what a job run has done: what was decided about its clients, and the sums."""
    clients = ", ".join(f"{counts[one]} {_WORDS[one]}" for one in _COUNTED if counts[one])
    cost = counted.cost_micros / 1_000_000
    return (
        f"{counts.total()} clients: {clients or 'none'}; {counted.profiles_submitted} profiles, "
        f"{counted.posts_harvested} posts, {counted.posts_new} of them new, {cost:.4f} USD"
    )


_WORDS: Final = {
    JobDecision.STARTED: "harvested",
    JobDecision.TAKEN_ON: "taken on",
    JobDecision.SKIPPED: "skipped",
    JobDecision.FAILED: "not started because of an error",
}
