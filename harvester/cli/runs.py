"""Client runs: kickoff, runs, status."""

from __future__ import annotations

import sys
from typing import Any

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, moment, show_json, show_line, show_table, usd
from harvester.cli.money import show_pauses, show_what_holds
from harvester.cli.previews import show_preview
from harvester.cli.run_actions import show_coverage
from harvester.cli.watching import require_terminal, watch_option, watched
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from harvester.wording import counted
from services import Services, pauses, pulse
from services.kickoff import Answer, Order
from services.run_records import KICKOFF_SOURCES
from services.unreachable import in_words


@click.command()
@click.option("--client", "client_id", type=ClientName(), required=True, help="The client to harvest.")
@click.option("--run-id", help="Base run ID, YYMMDD-HHMMSS.  [default: a new one]")
@click.option(
    "--max-batches", type=click.IntRange(1, 1_000), help="Batches at most, instead of the client's."
)
@click.option("--url", "urls", multiple=True, help="Harvest this profile instead of those due; repeatable.")
@click.option("--max-posts", type=click.IntRange(1, 1_000), help="Posts per profile; goes with --url.")
@click.option(
    "--source", type=click.Choice(sorted(KICKOFF_SOURCES)), default="orchestrator", show_default=True
)
@click.option("--dry-run", is_flag=True, help="Show who is due, why, and what it costs. Starts nothing.")
@as_json
def kickoff(
    client_id: str,
    run_id: str | None,
    max_batches: int | None,
    urls: tuple[str, ...],
    max_posts: int | None,
    source: str,
    dry_run: bool,
    json_: bool,
) -> None:
    """Start a harvest of one client. A worker does the rest.

    Example: harvester kickoff --client Guy-Wilson
    """
    if max_posts and not urls:
        raise click.UsageError("--max-posts goes with --url")
    order = Order(
        client_id=client_id,
        source=source,
        run_id=run_id,
        max_batches=max_batches,
        target_urls=urls or None,
        max_posts=max_posts,
        by=session.BY,
    )
    with session.services() as services:
        if dry_run:
            show_preview(services, order, json_=json_)
            return
        answer = services.kickoff(order)
        held = services.pauses.of([client_id] if answer.outcome == "accepted" else [])
    if json_:
        shown = {"outcome": answer.outcome, "runId": answer.run_id, "clientRunId": answer.client_run_id}
        told = {"code": answer.code, "reason": answer.reason, **pauses.told(held)}
        show_json({**shown, "clientId": client_id, **told})
    else:
        show_line(_sentence(answer))
        show_pauses(held, but=True)
    if answer.outcome not in ("accepted", "skipped"):
        sys.exit(session.EXIT_REFUSED)


def _sentence(answer: Answer) -> str:
    if answer.outcome == "accepted":
        return f"Started client run {answer.client_run_id}. Watch it: harvester runs {answer.client_run_id}"
    if answer.outcome == "skipped":
        return f"Nothing started for {answer.client_id}: {answer.reason} ({answer.code})."
    if answer.outcome == "run_in_progress":
        return f"Nothing started: client run {answer.client_run_id} is still running."
    return f"Nothing started: there is a client run {answer.client_run_id} already."


@click.command()
@click.argument("client_run_id", required=False)
@click.option("--client", "client_id", type=ClientName(), help="Only this client's.")
@click.option(
    "--status",
    "wanted",
    type=click.Choice([one.value for one in ClientRunStatus]),
    help="Only those that stand so.",
)
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@click.option("--coverage", is_flag=True, help="Show what each profile of the one was answered.")
@watch_option
@as_json
def runs(
    client_run_id: str | None,
    client_id: str | None,
    wanted: str | None,
    limit: int,
    coverage: bool,
    watch: float | None,
    json_: bool,
) -> None:
    """List client runs, newest first, or show one with its actor runs.

    With --watch one is drawn anew until it is over, the list until Ctrl-C.

    Example: harvester runs 261122-050000-Guy-Wilson
    """
    if client_run_id is None and coverage:
        raise click.UsageError("--coverage goes with one client run")
    require_terminal(watch, json_=json_)
    with session.services() as services:
        if client_run_id is None:
            narrowed = {"limit": limit, "client_id": client_id, "status": wanted}
            watched(lambda: _list(services, narrowed, json_=json_), watch)
        elif coverage:
            watched(lambda: _coverage(services, client_run_id, json_=json_), watch)
        else:
            watched(lambda: _one(services, client_run_id, json_=json_), watch)


def _list(services: Services, narrowed: dict[str, Any], *, json_: bool) -> bool:
    """Show a list. It is never over."""
    found = services.overview.runs(**narrowed).rows
    show_json(found) if json_ else _show_list(counted(len(found), "client run"), found)
    return False


def _one(services: Services, full_id: str, *, json_: bool) -> bool:
    """Show one, and say whether it is over."""
    found = services.overview.run(full_id)
    if found is None:
        raise HarvesterError(f"there is no client run {full_id}")
    running = found["status"] == ClientRunStatus.RUNNING
    if json_:
        show_json(found)
    else:
        _show_one(found)
        show_what_holds(services, [found["clientId"]] if running else [])
    return not running


def _coverage(services: Services, full_id: str, *, json_: bool) -> bool:
    """Show what each profile was answered, and say whether the client run is over."""
    show_coverage(services, full_id, json_=json_)
    run = services.overview.run(full_id)
    return run is None or run["status"] != ClientRunStatus.RUNNING


@click.command()
@watch_option
@as_json
def status(watch: float | None, json_: bool) -> None:
    """Show what runs now and how the latest client runs ended, and what is held up.

    Example: harvester status --watch
    """
    require_terminal(watch, json_=json_)
    with session.services() as services:
        watched(lambda: _status(services, json_=json_), watch)


def _status(services: Services, *, json_: bool) -> bool:
    """Show how things stand. That is never over."""
    running = services.overview.runs(limit=1_000, status=ClientRunStatus.RUNNING).rows
    latest = [run for run in services.overview.runs(limit=10).rows if run["finishedAt"]]
    counters = services.overview.counters()
    reason = services.overview.outage()
    standing = services.pauses.standing()
    matters = len(services.alerts.page(limit=1_000)[0])
    outage = in_words(reason) if reason else None
    with services.ledger.read() as tx:
        silent = pulse.needed(tx, services.clock())
    if json_:
        paused = [pauses.shown(one) for one in standing]
        told = {"counters": counters, "outage": outage, "pauses": paused, "alerts": matters, "worker": silent}
        show_json({"running": running, "latest": latest, **told})
        return False
    _show_list(f"{counted(len(running), 'client run is', 'client runs are')} running", running)
    _show_list("Latest", latest)
    actor_runs = ", ".join(f"{count} {state}" for state, count in sorted(counters["actor_runs"].items()))
    click.echo(f"Actor runs: {actor_runs or 'none'}")
    show_pauses(standing)
    if silent:
        show_line(f"{silent[0].upper()}{silent[1:]}: nothing goes on before one is. Start: harvester worker")
    if outage:
        show_line(f"Apify cannot be asked, and is tried again by itself: {outage}")
    parked = counters["dead_letters"]["parked"]
    if parked:
        waiting = counted(parked, "dead letter waits", "dead letters wait")
        click.echo(f"{waiting} for a person: harvester dead-letters list")
    if matters:
        click.echo(f"{counted(matters, 'matter waits', 'matters wait')} for a person: harvester alerts")
    return False


def _show_list(title: str, rows: list[dict[str, Any]]) -> None:
    columns = (
        "Client run",
        "Status",
        "Profiles",
        "Posts",
        "New",
        "Rejects",
        "Cost",
        "Started (UTC)",
        "Ended",
    )
    cells = [(run["clientRunId"], run["status"], *_counted(run), *_times(run)) for run in rows]
    show_table(title, columns, cells, spare=("Ended", "Started (UTC)", "Rejects", "Profiles", "New"))


def _counted(run: dict[str, Any]) -> tuple[object, ...]:
    counted = run["metrics"]
    names = ("profilesSubmitted", "postsHarvested", "postsNew", "itemsRejected")
    return (*(counted[name] for name in names), usd(counted["apifyCostUsd"]))


def _times(run: dict[str, Any]) -> tuple[object, object]:
    return moment(run["startedAt"]), moment(run["finishedAt"])


def _show_one(run: dict[str, Any]) -> None:
    _show_list(f"{run['clientName']}, source {run['source']}", [run])
    columns = ("Batch", "Actor run", "State", "Apify says", "Profiles", "Items", "Posts", "Rejects", "Cost")
    names = ("batch", "actorRunId", "state", "status", "profiles", "items", "posts", "rejects")
    actor_runs = [(*(one[name] for name in names), usd(one["costUsd"])) for one in run["actorRuns"]]
    show_table("Actor runs", columns, actor_runs, spare=("Rejects", "State", "Profiles", "Items"))
    for error in run["errors"]:
        show_line(f"Batch {error['batch']}: {error['code']}: {error['message']}")
    for note in run["systemNotes"].split("\n"):
        show_line(note, indent=2)
