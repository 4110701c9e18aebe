"""What the demo shows: progress while it runs, a summary at its end, and where to look."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harvester.cli import demo_bases_display
from harvester.cli.demo_web import password
from harvester.cli.display import table, usd
from harvester.settings import Settings
from harvester.wording import counted

_OVER = ("ingested", "failed")
_WIDE = 90


def print_changes(console: Console, runs: list[dict[str, Any]], shown: set[tuple[str, str]]) -> None:
    """Without a terminal to redraw, tell each change of an actor run as a line; `shown` are those told."""
    for run in runs:
        for one in run["actorRuns"]:
            change = (f"{run['clientRunId']} batch {one['batch']}", one["state"])
            if change not in shown:
                shown.add(change)
                console.print(f"{change[0]}: {change[1]}")


def progress(runs: list[dict[str, Any]], owed: int | None) -> Table:
    """Make the table that is redrawn while the demo runs; `owed` are records that Airtable waits for."""
    rows = []
    for run in runs:
        states = [one["state"] for one in run["actorRuns"]]
        done = sum(state in _OVER for state in states)
        now = ", ".join(dict.fromkeys(state for state in states if state not in _OVER))
        counted = run["metrics"]
        rows.append(
            (run["clientName"], run["status"], f"{done} of {len(states)}", now, counted["postsHarvested"])
        )
    made = table("Harvesting", ("Client", "Status", "Actor runs done", "At work", "Posts"), rows)
    if owed is not None:
        made.caption = still_owed(owed)
        made.caption_justify = "left"
    return made


def still_owed(records: int) -> str:
    """Say how many records Airtable has not been sent yet."""
    return f"Airtable is still owed {counted(records, 'record')}" if records else "Airtable is owed nothing"


def summary(runs: list[dict[str, Any]], *, width: int) -> Table:
    """Make the table of what came of each client run; some counts are left out where it is narrow."""
    counted_as = {"Profiles": "profilesSubmitted", "Posts": "postsHarvested"}
    if width >= _WIDE:
        counted_as |= {"New": "postsNew", "Rejects": "itemsRejected"}
    return table(
        "How it ended",
        ("Client run", "Status", *counted_as, "Cost"),
        [
            (
                run["clientRunId"],
                run["status"],
                *(run["metrics"][name] for name in counted_as.values()),
                usd(run["metrics"]["apifyCostUsd"]),
            )
            for run in runs
        ],
    )


def for_commands(folder: Path, environ: dict[str, str]) -> Path:
    """Write the settings of the demo down for a shell to read, and give the file: commands need them."""
    file = folder / "settings.sh"
    file.touch(mode=0o600)
    names = sorted({name.upper() for name in Settings.model_fields} & set(environ))
    file.write_text("".join(f"export {name}={shlex.quote(environ[name])}\n" for name in names))
    return file


def where_to_look(
    console: Console, folder: Path, environ: dict[str, str], seconds: float, *, serve: bool
) -> None:
    """Tell how long it took, where ledger and logs are, and, when it goes on, how to ask the API."""
    console.print(f"That took {seconds:.0f} s. Where to look:")
    console.print(f"  ledger  {folder}/harvester.db (SQLite)", soft_wrap=True, highlight=False)
    airtable = environ.get("AIRTABLE_API_URL")
    logs = ["web.log", "worker.log", "sandbox.log", *(["airtable.log"] if airtable else [])]
    console.print(f"  logs    {folder}/{', '.join(logs)}", soft_wrap=True, highlight=False)
    if not serve:
        command = f"make demo SERVE=1{' STORE=airtable' if airtable else ''}"
        console.print(f"  API     {command} goes on, and shows how to ask it")
        return
    page = f"  page    {environ['PUBLIC_URL']}  password: {password(environ)}"
    console.print(page, soft_wrap=True, highlight=False)
    command = f"  command . {for_commands(folder, environ)}; {sys.argv[0]} status --watch"
    console.print(command, soft_wrap=True, highlight=False)
    header = f'-H "Authorization: Bearer {environ["API_TOKENS"]}"'
    for path in ("/api/runs", "/api/posts?limit=5", "/api/deliveries"):
        console.print(f"  curl {header} '{environ['PUBLIC_URL']}{path}'", soft_wrap=True, highlight=False)
    if airtable:
        demo_bases_display.where_to_look(console, airtable, environ["AIRTABLE_API_KEY"])
    console.print("Running until Ctrl-C.")
