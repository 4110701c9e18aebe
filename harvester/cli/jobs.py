"""Job runs: process, resume, jobs."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from harvester.cli import session
from harvester.cli.arguments import ClientName
from harvester.cli.display import as_json, show_json, show_line
from harvester.cli.job_display import show_job, show_jobs, show_previews
from harvester.cli.job_waiting import until_over
from harvester.cli.money import lift_starts, show_what_holds
from harvester.cli.waiting import exit_code, wait_option
from harvester.errors import HarvesterError
from harvester.jobs import JobDecision
from harvester.models import ClientRunStatus
from harvester.wording import counted
from services import Services, job_shapes, pauses, preview_shapes
from services.process import Ask, JobAnswer, RunExists
from services.resume_lock import ResumeInProgress
from services.smart_resume import SOURCE

_stream = click.option("--stream", type=click.IntRange(0, 2**31 - 1), help="Only clients of this stream.")
_limit = click.option(
    "--limit", type=click.IntRange(1, 1_000_000), help="So many clients at the most, by ID."
)


@click.command()
@_stream
@click.option("--client", "client_id", type=ClientName(), help="Only this client.")
@_limit
@click.option("--run-id", help="Base run ID, YYMMDD-HHMMSS.  [default: a new one]")
@click.option("--dry-run", is_flag=True, help="Show what would be started, and start nothing.")
@wait_option
@as_json
def process(
    stream: int | None,
    client_id: str | None,
    limit: int | None,
    run_id: str | None,
    dry_run: bool,
    wait: bool,
    json_: bool,
) -> None:
    """Start a harvest of all active clients. Workers do the rest.

    Works from a plain crontab: it names each client that was not started, with the reason.

    Example: harvester process --stream 1
    """
    if dry_run and (wait or run_id is not None):
        raise click.UsageError("--dry-run starts nothing: it goes with neither --wait nor --run-id")
    with session.services() as services:
        if dry_run:
            _look_ahead(services, json_, stream=stream, client_id=client_id, limit=limit)
            return
        ask = Ask(stream=stream, client_id=client_id, limit=limit, run_id=run_id, by=session.BY)
        _ordered(services, ask, wait=wait, json_=json_)


@click.command()
@_stream
@click.option("--client", "client_id", type=ClientName(), help="Only this client.")
@_limit
@click.option("--status", "status_", is_flag=True, help="Show the live smart resume, or the last one.")
@click.option("--reset", is_flag=True, help="End the live smart resume; its harvests go on by themselves.")
@click.option("--starts", is_flag=True, help="Lift a pause: of --client's starts, or that of all.")
@click.option("--actor", "actor_id", metavar="ID", help="Lift the pause of this actor, as user/name.")
@wait_option
@as_json
def resume(
    stream: int | None,
    client_id: str | None,
    limit: int | None,
    status_: bool,
    reset: bool,
    starts: bool,
    actor_id: str | None,
    wait: bool,
    json_: bool,
) -> None:
    """Go on with what is missing, client by client; or, with --starts or --actor, lift a pause.

    Skips clients that completed within a day and have their posts, takes on what still runs, and pays for no
    answer again.

    Example: harvester resume --stream 1 --wait
    """
    starts = starts or actor_id is not None
    if sum((status_, reset, starts)) > 1:
        raise click.UsageError("give one of --status, --reset and --starts (or --actor)")
    narrowed = stream is not None or limit is not None or wait or (client_id is not None and not starts)
    if narrowed and (status_ or reset or starts):
        raise click.UsageError("--status, --reset and --starts start nothing, and are not narrowed")
    with session.services() as services:
        if starts:
            lift_starts(services, client_id, actor_id, json_=json_)
        elif status_:
            _show_state(services, json_)
        elif reset:
            _reset(services, json_)
        else:
            ask = Ask(source=SOURCE, stream=stream, client_id=client_id, limit=limit, by=session.BY)
            _ordered(services, ask, wait=wait, json_=json_)


@click.command()
@click.argument("run_id", required=False, metavar="[RUN]")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True)
@as_json
def jobs(run_id: str | None, limit: int, json_: bool) -> None:
    """List job runs, newest first, or report on one: what was done for each client, and the sums.

    Example: harvester jobs 261122-050000
    """
    with session.services() as services:
        if run_id is None:
            found = services.job_reports.jobs(limit=limit).rows
            show_json(found) if json_ else show_jobs(found)
            return
        job, report = services.overview.job(run_id), services.job_reports.report(run_id)
        if job is None or report is None:
            raise HarvesterError(f"there is no job run {run_id}")
        shown = {**job, "report": report}
        if json_:
            show_json(shown)
            return
        show_job(shown)
        show_what_holds(services, _running(report["clients"]))


def _ordered(services: Services, ask: Ask, *, wait: bool, json_: bool) -> None:
    try:
        resumes = ask.source == SOURCE
        answer = services.smart_resume.start(ask) if resumes else services.process.order(ask)
    except ResumeInProgress as error:
        ways = "See it: harvester resume --status; end it: harvester resume --reset"
        raise session.Declined(f"{error}. {ways}") from error
    except RunExists as error:
        raise session.Declined(str(error)) from error
    if not json_:
        _show_answer(answer, ask)
        show_what_holds(services, _of(answer))
    if wait:
        _waited(services, answer, json_)
    if json_:
        show_json(_accepted(services, answer))


def _of(answer: JobAnswer) -> set[str]:
    return {one.client_id for one in answer.clients if one.client_run_id is not None}


def _running(clients: Sequence[dict[str, Any]]) -> set[str]:
    return {one["clientId"] for one in clients if one["status"] == ClientRunStatus.RUNNING}


def _accepted(services: Services, answer: JobAnswer) -> dict[str, Any]:
    return {
        "runId": answer.run_id,
        "kickingOff": answer.going_on,
        "clients": [job_shapes.accepted(one) for one in answer.clients],
        **pauses.told(services.pauses.of(_of(answer))),
    }


def _show_answer(answer: JobAnswer, ask: Ask) -> None:
    counts = Counter(one.decision for one in answer.clients)
    taken_on = f", {counts[JobDecision.TAKEN_ON]} taken on" if counts[JobDecision.TAKEN_ON] else ""
    show_line(
        f"Job run {answer.run_id}: {counted(counts[JobDecision.STARTED], 'client')} started{taken_on}. "
        f"Watch it: harvester jobs {answer.run_id}"
    )
    for one in answer.clients:
        if one.client_run_id is None:
            show_line(f"{one.client_id}: not started: {one.reason} ({one.code})", indent=2)
    if not answer.clients and not answer.going_on:
        whose = "" if ask.stream is None else f" of stream {ask.stream}"
        show_line(f"There is no active client{whose}: see harvester clients list", indent=2)
    if answer.going_on:
        show_line("The ledger could not be written for a moment: a worker goes on with the others.", indent=2)


def _waited(services: Services, answer: JobAnswer, json_: bool) -> NoReturn:
    status = until_over(services, answer.run_id).status
    report = services.job_reports.report(answer.run_id)
    if json_:
        show_json({**_accepted(services, answer), "status": status, "report": report})
    else:
        show_job({**(services.overview.job(answer.run_id) or {}), "report": report})
    sys.exit(exit_code(status, wanted=ClientRunStatus.COMPLETED))


def _show_state(services: Services, json_: bool) -> None:
    state = services.smart_resume.state()
    if json_:
        show_json(state)
    elif state["running"]:
        stale = ", and no worker looks after it" if state["stale"] else ""
        show_line(
            f"Smart resume {state['runId']} is running, for {state['ageSeconds']} s now{stale} "
            f"(last seen {state['heartbeatAt']} by {state['owner']})."
        )
        for one in state["clients"]:
            show_line(f"{one['clientId']}: {one['status'] or one['reason']}", indent=2)
        show_what_holds(services, _running(state["clients"]))
    elif state["last"] is None:
        show_line("No smart resume is running, and none ever was.")
    else:
        show_line("No smart resume is running. The last one:")
        show_job(state["last"])


def _reset(services: Services, json_: bool) -> None:
    ended = services.smart_resume.reset(session.BY)
    if json_:
        show_json({"reset": ended is not None, "runId": ended})
    elif ended is None:
        show_line("No smart resume is running.")
    else:
        show_line(f"Smart resume {ended} is ended. What it has started goes on by itself.")


def _look_ahead(
    services: Services, json_: bool, *, stream: int | None, client_id: str | None, limit: int | None
) -> None:
    found = list(services.preview.every(stream=stream, client_id=client_id, limit=limit))
    show_json([preview_shapes.preview(one) for one in found]) if json_ else show_previews(found)
