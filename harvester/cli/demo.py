"""The demo: a whole harvest on the local sandbox, with the real processes and nothing from outside."""

from __future__ import annotations

import os
import secrets
import shutil
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.live import Live
from rich.table import Table

from harvester.cli import demo_agency
from harvester.cli.children import Children, free_port
from harvester.cli.display import console_for_output, table, usd
from harvester.cli.session import services_from, told
from harvester.settings import load

_PATIENCE_SECONDS = 120
_RUN_SECONDS = 3
#: Apify's waits are this much shorter in the demo: 10 s until a cost is final become 1 s.
_TIME_SCALE = 10


@click.command()
@click.option("--serve", is_flag=True, help="Leave everything running afterwards, until Ctrl-C.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option("--port", type=int, help="Port of the web process.  [default: any that is free]")
def demo(serve: bool, folder: Path, port: int | None) -> None:
    """Harvest three invented clients on a local stand-in for Apify: no account, no network, no cost.

    Example: harvester demo --serve
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    console = console_for_output()
    with told(), Children(folder, _environ(folder, port or free_port())) as children:
        try:
            _demonstrate(children, console, serve=serve)
        except KeyboardInterrupt:
            console.print("Stopped.")


def _environ(folder: Path, port: int) -> dict[str, str]:
    ours = {
        "DATABASE_URL": f"sqlite:///{folder.resolve()}/harvester.db",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "API_TOKENS": secrets.token_hex(16),
        "WEBHOOK_SECRETS": secrets.token_hex(32),
        "APIFY_TOKEN": secrets.token_hex(16),
        "COST_SETTLE_SECONDS": str(10 / _TIME_SCALE),
        "RECONCILE_SECONDS": "5",
        "NOT_NOW_SECONDS": "1",
        "WEB_WORKERS": "2",
    }
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | ours


def _demonstrate(children: Children, console: Console, *, serve: bool) -> None:
    started = time.monotonic()
    environ = children.environ
    environ["APIFY_API_URL"] = _sandbox(children)
    console.print(f"Sandbox Apify   {environ['APIFY_API_URL']}")
    with services_from(load(environ, env_file=None)) as services:
        client_ids = demo_agency.found(services.ledger, services.clock())
    children.start("web", ["-m", "harvester.cli", "serve"])
    children.start("worker", ["-m", "harvester.cli", "worker"])
    children.wait_for_url(f"{environ['PUBLIC_URL']}/readyz", 30)
    console.print(f"Web process     {environ['PUBLIC_URL']}")
    console.print(f"Worker, ledger  {children.folder}/\n")
    run_ids = [_kickoff(environ, client_id) for client_id in client_ids]
    runs = _watched(children, console, run_ids)
    console.print(_summary(runs))
    _where_to_look(console, children.folder, environ, time.monotonic() - started, serve=serve)
    while serve:
        children.check()
        time.sleep(0.5)


def _sandbox(children: Children) -> str:
    arguments = ["--token", children.environ["APIFY_TOKEN"], "--run-seconds", str(_RUN_SECONDS)]
    log = children.start(
        "sandbox", ["-m", "harvester.sandbox.apify", *arguments, "--time-scale", str(_TIME_SCALE)]
    )
    return children.wait_for_line(log, "Sandbox Apify on ", 30).rpartition(" ")[2]


def _call(environ: dict[str, str], path: str, *, body: dict[str, Any] | None = None) -> dict[str, Any]:
    request = urllib.request.Request(  # noqa: S310
        environ["PUBLIC_URL"] + path,
        data=None if body is None else orjson.dumps(body),
        headers={"Authorization": f"Bearer {environ['API_TOKENS']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = orjson.loads(answer.read())
        return found


def _kickoff(environ: dict[str, str], client_id: str) -> str:
    answer = _call(environ, "/api/apify/process-client", body={"clientId": client_id})
    return str(answer["clientRunId"])


def _watched(children: Children, console: Console, run_ids: list[str]) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    shown: set[tuple[str, str]] = set()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            children.check()
            runs = [_call(children.environ, f"/api/runs/{run_id}")["run"] for run_id in run_ids]
            live.update(_progress(runs))
            if not console.is_terminal:
                _print_changes(console, runs, shown)
            if all(run["finishedAt"] for run in runs) or time.monotonic() > deadline:
                return runs
            time.sleep(0.4)


def _print_changes(console: Console, runs: list[dict[str, Any]], shown: set[tuple[str, str]]) -> None:
    """Without a terminal to redraw, tell each change of an actor run as a line."""
    for run in runs:
        for one in run["actorRuns"]:
            change = (f"{run['clientRunId']} batch {one['batch']}", one["state"])
            if change not in shown:
                shown.add(change)
                console.print(f"{change[0]}: {change[1]}")


def _progress(runs: list[dict[str, Any]]) -> Table:
    rows = []
    for run in runs:
        states = [one["state"] for one in run["actorRuns"]]
        done = sum(state in ("ingested", "failed") for state in states)
        now = ", ".join(dict.fromkeys(state for state in states if state not in ("ingested", "failed")))
        counted = run["metrics"]
        rows.append(
            (run["clientName"], run["status"], f"{done} of {len(states)}", now, counted["postsHarvested"])
        )
    return table("Harvesting", ("Client", "Status", "Actor runs done", "At work", "Posts"), rows)


def _summary(runs: list[dict[str, Any]]) -> Table:
    names = ("profilesSubmitted", "postsHarvested", "postsNew", "itemsRejected")
    return table(
        "Done",
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


def _where_to_look(
    console: Console, folder: Path, environ: dict[str, str], seconds: float, *, serve: bool
) -> None:
    console.print(f"That took {seconds:.0f} s. Where to look:")
    console.print(f"  ledger  {folder}/harvester.db (SQLite)", highlight=False)
    console.print(f"  logs    {folder}/web.log, worker.log, sandbox.log", highlight=False)
    if not serve:
        console.print("  API     make demo SERVE=1 leaves everything running and shows how to ask it")
        return
    header = f'-H "Authorization: Bearer {environ["API_TOKENS"]}"'
    for path in ("/api/runs", "/api/posts?limit=5", "/api/deliveries"):
        console.print(f"  curl {header} '{environ['PUBLIC_URL']}{path}'", soft_wrap=True, highlight=False)
    console.print("Running until Ctrl-C.")
