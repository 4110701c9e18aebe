"""What the demo shows: progress while it runs, a summary at its end, and where to look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harvester.cli.display import table, usd

_OVER = ("ingested", "failed")


def print_changes(console: Console, runs: list[dict[str, Any]], shown: set[tuple[str, str]]) -> None:
    """Without a terminal to redraw, tell each change of an actor run as a line; `shown` are those told."""
    for run in runs:
        for one in run["actorRuns"]:
            change = (f"{run['clientRunId']} batch {one['batch']}", one["state"])
            if change not in shown:
                shown.add(change)
                console.print(f"{change[0]}: {change[1]}")


def progress(runs: list[dict[str, Any]]) -> Table:
    """Make the table that is redrawn while the demo runs."""
    rows = []
    for run in runs:
        states = [one["state"] for one in run["actorRuns"]]
        done = sum(state in _OVER for state in states)
        now = ", ".join(dict.fromkeys(state for state in states if state not in _OVER))
        counted = run["metrics"]
        rows.append(
            (run["clientName"], run["status"], f"{done} of {len(states)}", now, counted["postsHarvested"])
        )
    return table("Harvesting", ("Client", "Status", "Actor runs done", "At work", "Posts"), rows)


def summary(runs: list[dict[str, Any]]) -> Table:
    """Make the table of what came of each client run."""
    names = ("profilesSubmitted", "postsHarvested", "postsNew", "itemsRejected")
    return table(
        "How it ended",
        ("Client run", "Status", "Profiles", "Posts", "New", "Rejects", "Cost"),
        [
            (
                run["clientRunId"],
                run["status"],
                *(run["metrics"][name] for name in names),
                usd(run["metrics"]["apifyCostUsd"]),
            )
            for run in runs
        ],
    )


def where_to_look(
    console: Console, folder: Path, environ: dict[str, str], seconds: float, *, serve: bool
) -> None:
    """Tell how long it took, where ledger and logs are, and, when it goes on, how to ask the API."""
    console.print(f"That took {seconds:.0f} s. Where to look:")
    console.print(f"  ledger  {folder}/harvester.db (SQLite)", soft_wrap=True, highlight=False)
    console.print(f"  logs    {folder}/web.log, worker.log, sandbox.log", soft_wrap=True, highlight=False)
    if not serve:
        console.print("  API     make demo SERVE=1 leaves everything running and shows how to ask it")
        return
    header = f'-H "Authorization: Bearer {environ["API_TOKENS"]}"'
    for path in ("/api/runs", "/api/posts?limit=5", "/api/deliveries"):
        console.print(f"  curl {header} '{environ['PUBLIC_URL']}{path}'", soft_wrap=True, highlight=False)
    console.print("Running until Ctrl-C.")
