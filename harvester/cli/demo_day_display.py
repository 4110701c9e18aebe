"""What the demo's day shows: each stream while it runs, how each job run ended, and whether it adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harvester.cli.demo_day_agency import CLIENTS
from harvester.cli.display import cell, table, usd

_STREAMS = {one.client_id: one.stream for one in CLIENTS}
_OVER = ("ingested", "failed")


def progress(job: dict[str, Any]) -> Table:
    """Make the table that is redrawn while a job run is at work."""
    rows = []
    for run in _by_stream(job):
        states = [one["state"] for one in run["actorRuns"]]
        done = sum(state in _OVER for state in states)
        at_work = ", ".join(dict.fromkeys(state for state in states if state not in _OVER))
        counted = run["metrics"]
        rows.append(
            (
                _STREAMS[run["clientId"]],
                run["clientName"],
                run["status"],
                f"{done} of {len(states)}",
                at_work,
                counted["postsHarvested"],
                usd(counted["apifyCostUsd"]),
            )
        )
    columns = ("Stream", "Client", "Status", "Actor runs done", "At work", "Posts", "Cost")
    return table(f"Job run {job['runId']}", columns, rows)


def print_changes(console: Console, job: dict[str, Any], shown: set[tuple[str, str]]) -> None:
    """Without a terminal to redraw, tell each change of a client run as a line; `shown` are those told."""
    for run in _by_stream(job):
        change = (run["clientRunId"], run["status"])
        if change not in shown:
            shown.add(change)
            console.print(f"  stream {_STREAMS[run['clientId']]}  {run['clientRunId']}: {run['status']}")


def ended(job: dict[str, Any]) -> Table:
    """Make the table of what came of each client of a job run, those too that nothing was started for."""
    runs = {run["clientId"]: run for run in job["clients"]}
    rows = [_row(decision, runs.get(decision["clientId"])) for decision in job["decisions"]]
    counted = job["metrics"]
    total = ("", "In all", job["status"], *_counted(counted), "")
    columns = ("Stream", "Client", "Status", "Profiles", "Posts", "New", "Cost", "Why")
    title = f"Job run {job['runId']}, source {job['source']}"
    return table(title, columns, [*sorted(rows, key=lambda row: (str(row[0]), str(row[1]))), total])


def _row(decision: dict[str, Any], run: dict[str, Any] | None) -> tuple[object, ...]:
    client_id = decision["clientId"]
    if run is None:
        return _STREAMS[client_id], client_id, decision["decision"], "", "", "", "", decision["reason"]
    why = "; ".join(dict.fromkeys(str(error["code"]) for error in run["errors"]))
    return _STREAMS[client_id], client_id, run["status"], *_counted(run["metrics"]), why


def _counted(metrics: dict[str, Any]) -> tuple[object, ...]:
    names = ("profilesSubmitted", "postsHarvested", "postsNew")
    return (*(metrics[name] for name in names), usd(metrics["apifyCostUsd"]))


def _by_stream(job: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(job["clients"], key=lambda run: (_STREAMS[run["clientId"]], run["clientId"]))


def verdict(console: Console, wrong: Sequence[str], checked: Sequence[str]) -> None:
    """Tell what was compared, and what differs."""
    for line in checked:
        console.print(f"  {cell(line)}", highlight=False)
    for line in wrong:
        console.print(f"Differs: {cell(line)}", style="bold", highlight=False)
    console.print("Every number adds up.\n" if not wrong else "The numbers do not add up.\n", style="bold")
