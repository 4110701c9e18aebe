"""How job runs, and what a process would start, look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harvester.cli.display import moment, show_line, show_table, usd
from harvester.models import ClientRunStatus
from harvester.wording import counted
from services import shapes
from services.preview import Preview


def show_jobs(found: Sequence[dict[str, Any]]) -> None:
    """List job runs."""
    columns = ("Job run", "What", "Status", "Client runs", "Profiles", "Posts", "New", "Cost")
    rows = [
        (
            job["runId"],
            job["plan"] or job["source"],
            job["status"],
            job["clientRuns"],
            *_figures(job["metrics"]),
            moment(job["startedAt"]),
            moment(job["finishedAt"]),
        )
        for job in found
    ]
    spare = ("Ended", "Started (UTC)", "Profiles", "Client runs")
    show_table(counted(len(found), "job run"), (*columns, "Started (UTC)", "Ended"), rows, spare=spare)


def show_job(job: dict[str, Any]) -> None:
    """Show one job run with its report."""
    show_jobs([job])
    if job["note"]:
        show_line(f"Note: {job['note']}")
    report = job["report"]
    sums = report["sums"]
    columns = ("Client", "Decision", "Client run", "Status", "Profiles", "Posts", "New", "Cost", "Reason")
    rows = [_row(one) for one in report["clients"]]
    show_table(
        f"{counted(sums['clients'], 'client')}: {sums['started']} started, {sums['takenOn']} taken on, "
        f"{sums['skipped']} skipped, {sums['failed']} failed to start",
        columns,
        rows,
        spare=("Client run", "Profiles", "New", "Decision"),
    )
    if sums["takenOn"]:
        _, posts, _, cost = _figures(sums["takenOnMetrics"])
        show_line(f"Taken on, and counted in their own job runs: {posts} posts, {cost}")


def show_previews(found: Sequence[Preview]) -> None:
    """Show what a process would start."""
    columns = ("Client", "Profiles", "Batches", "At most", "Cost at most", "Cost about", "Why not, or what")
    rows = [
        (
            one.client_id,
            "-" if one.unread else len(one.leads),
            "-" if one.unread else len(one.batches),
            one.most_batches,
            usd(shapes.usd(one.at_most_micros)),
            usd(shapes.usd(one.about_micros)),
            "; ".join(filter(None, (one.skip.reason if one.skip else None, one.paused, one.remark))),
        )
        for one in found
    ]
    started = sum(one.skip is None for one in found)
    show_table(f"{counted(len(found), 'client')}, {started} to be started", columns, rows)


def _row(one: dict[str, Any]) -> tuple[object, ...]:
    metrics = one.get("metrics")
    figures = _figures(metrics) if metrics else (None, None, None, None)
    why = one["reason"] or (None if one["status"] == ClientRunStatus.COMPLETED else one.get("told"))
    return (one["clientId"], one["decision"], one["clientRunId"], one["status"], *figures, why)


def _figures(metrics: dict[str, Any]) -> tuple[object, ...]:
    names = ("profilesSubmitted", "postsHarvested", "postsNew")
    return (*(metrics[name] for name in names), usd(metrics["apifyCostUsd"]))
