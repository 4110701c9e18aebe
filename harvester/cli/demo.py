"""The demo: a whole harvest on the local sandboxes, with the real processes and nothing from outside."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click
from argon2 import PasswordHasher
from rich.console import Console
from rich.live import Live

from harvester.cli import (
    demo_agency,
    demo_airtable,
    demo_conclusion,
    demo_day,
    demo_day_agency,
    demo_display,
    demo_trouble,
)
from harvester.cli.children import Children, free_port
from harvester.cli.demo_folder import own_folder
from harvester.cli.demo_web import call, password
from harvester.cli.display import console_for_output
from harvester.cli.session import EXIT_FAILED, services_from, told
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from harvester.settings import load
from services import Services

_PATIENCE_SECONDS = 120
#: Seconds that a process of the demo may take to start, on a busy machine.
_STARTED_WITHIN = 60
_RUN_SECONDS = 3
#: Apify's waits are this much shorter in the demo: 10 s until a cost is final become 1 s.
_TIME_SCALE = 10
#: 128 and the number of SIGINT, as shells have it.
_EXIT_INTERRUPTED = 130


@click.command()
@click.option("--serve", is_flag=True, help="Leave everything running afterwards, until Ctrl-C.")
@click.option(
    "--store",
    type=click.Choice(["ledger", "airtable"]),
    default="ledger",
    show_default=True,
    help="Where clients and leads are kept; airtable starts a local stand-in for that, too.",
)
@click.option("--day", is_flag=True, help="A whole day of seven clients in three streams.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/demo"), show_default=True)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Port of the web process.  [default: any that is free]",
)
def demo(serve: bool, store: str, day: bool, folder: Path, port: int | None) -> None:
    """Harvest three invented clients on a local stand-in for Apify: no account, no network, no cost.

    With --serve everything is left running, and one more harvest has failed on purpose: find out why on the
    operations page, and mend it there.

    With --day seven clients in three streams: one fails and is resumed, one is paused, one has no money left.

    Example: harvester demo --serve
    """
    if day and store == "airtable":
        raise click.UsageError("--day goes with the ledger, not with --store airtable")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    console = console_for_output()
    done = False
    with told(), own_folder(folder) as own:
        environ = _environ(own, port or free_port()) | (
            demo_airtable.settings() if store == "airtable" else {}
        )
        with Children(own, environ) as children:
            try:
                completed = _demonstrated(children, console, serve=serve, day=day)
                done = True
                while serve and completed:
                    children.check()
                    time.sleep(0.5)
            except KeyboardInterrupt:
                console.print("Stopped.")
                sys.exit(0 if done else _EXIT_INTERRUPTED)
    if not completed:
        sys.exit(EXIT_FAILED)


def _environ(folder: Path, port: int) -> dict[str, str]:
    ours = {
        "DATABASE_URL": f"sqlite:///{folder}/harvester.db",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "API_TOKENS": secrets.token_hex(16),
        "SECRET_KEY": secrets.token_hex(32),
        "WEBHOOK_SECRETS": secrets.token_hex(32),
        "APIFY_TOKEN": secrets.token_hex(16),
        "COST_SETTLE_SECONDS": str(10 / _TIME_SCALE),
        "RECONCILE_SECONDS": "5",
        "NOT_NOW_SECONDS": "1",
        "WEB_WORKERS": "2",
    }
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")
    ours["OPERATOR_PASSWORD_HASH"] = PasswordHasher().hash(password(ours))
    return {name: os.environ[name] for name in kept if name in os.environ} | ours


def _demonstrated(children: Children, console: Console, *, serve: bool, day: bool) -> bool:
    """Run the demo. True if every client run completed, and Airtable, where it is on, shows all of it."""
    started = time.monotonic()
    environ = children.environ
    environ["APIFY_API_URL"] = _sandbox(children)
    console.print(f"Sandbox Apify     {environ['APIFY_API_URL']}")
    on_airtable = "AIRTABLE_API_KEY" in environ
    if on_airtable:
        environ["AIRTABLE_API_URL"] = demo_airtable.started(children)
        console.print(f"Sandbox Airtable  {environ['AIRTABLE_API_URL']}")
    with services_from(load(environ, env_file=None)) as services:
        if not on_airtable:
            agency = demo_day_agency if day else demo_agency
            agency.found(services.ledger, services.clock())
        _started(children, console)
        good = demo_day.lived(children, console) if day else _harvested(children, console, services)
        seconds = time.monotonic() - started
        if serve and good and not on_airtable:
            demo_trouble.made(children, console, services)
    demo_display.where_to_look(console, children.folder, environ, seconds, serve=serve and good)
    return good


def _started(children: Children, console: Console) -> None:
    environ = children.environ
    children.start("web", ["-m", "harvester.cli", "serve"])
    children.start("worker", ["-m", "harvester.cli", "worker"])
    children.wait_for_url(f"{environ['PUBLIC_URL']}/readyz", _STARTED_WITHIN)
    console.print(f"Web process       {environ['PUBLIC_URL']}")
    console.print(f"Worker, ledger    {children.folder}/\n", soft_wrap=True, highlight=False)


def _harvested(children: Children, console: Console, services: Services) -> bool:
    run_ids = [_kickoff(children.environ, client.client_id) for client in demo_agency.CLIENTS]
    runs = _watched(children, console, services, run_ids)
    console.print(demo_display.summary(runs, width=console.width))
    completed = all(run["status"] == ClientRunStatus.COMPLETED for run in runs)
    if not completed:
        console.print(f"Not every client run completed within {_PATIENCE_SECONDS} s.", style="bold")
    return completed and demo_conclusion.holds_everything(children, console, services, runs)


def _sandbox(children: Children) -> str:
    arguments = ["--token", children.environ["APIFY_TOKEN"], "--run-seconds", str(_RUN_SECONDS)]
    log = children.start(
        "sandbox", ["-m", "harvester.sandbox.apify", *arguments, "--time-scale", str(_TIME_SCALE)]
    )
    return children.wait_for_line(log, "Sandbox Apify on ", _STARTED_WITHIN).rpartition(" ")[2]


def _kickoff(environ: dict[str, str], client_id: str) -> str:
    answer = call(environ, "/api/apify/process-client", body={"clientId": client_id})
    if "clientRunId" not in answer:
        raise HarvesterError(f"the kickoff of {client_id} started nothing: {answer}")
    return str(answer["clientRunId"])


def _watched(
    children: Children, console: Console, services: Services, run_ids: list[str]
) -> list[dict[str, Any]]:
    """Show how the client runs get on, until all have ended or patience has. Returns how they stand."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    shown: set[tuple[str, str]] = set()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            children.check()
            runs = [call(children.environ, f"/api/runs/{run_id}")["run"] for run_id in run_ids]
            live.update(demo_display.progress(runs, demo_conclusion.owed(services)))
            if not console.is_terminal:
                demo_display.print_changes(console, runs, shown)
            if all(run["finishedAt"] for run in runs) or time.monotonic() > deadline:
                return runs
            time.sleep(0.4)
