"""What a person does about one client run: cancel, retry; and what its profiles were answered."""

from __future__ import annotations

import sys
from typing import Any

import click

from harvester.cli import session
from harvester.cli.display import as_json, moment, show_json, show_line, show_table
from harvester.cli.money import show_pauses
from harvester.cli.waiting import exit_code, until_over, wait_option
from harvester.errors import HarvesterError
from harvester.models import ClientRunStatus
from services import Services, pauses
from services.kickoff import Answer
from services.run_ends import NothingToRetry, RunIsOver

_PAGE = 1_000


@click.command()
@click.argument("client_run_id", metavar="RUN")
@wait_option
@as_json
def cancel(client_run_id: str, wait: bool, json_: bool) -> None:
    """End a client run. What it has found is kept and paid for once; the other leads are due again.

    What it has at Apify is aborted by a worker.

    Example: harvester cancel 261122-050000-Guy-Wilson --wait
    """
    with session.services() as services:
        try:
            run = services.cancel(client_run_id, by=session.BY)
        except RunIsOver as error:
            raise session.Declined(str(error)) from error
        status = until_over(services, client_run_id)["status"] if wait else run.status.value
    if json_:
        show_json({"clientRunId": client_run_id, "clientId": run.client_id, "status": status})
    elif status == ClientRunStatus.RUNNING:
        show_line(f"Client run {client_run_id} ends as soon as what it has at Apify has ended.")
    else:
        show_line(f"Client run {client_run_id} ended {status}.")
    if wait:
        sys.exit(exit_code(status, wanted=ClientRunStatus.CANCELLED))


@click.command()
@click.argument("client_run_id", metavar="RUN")
@wait_option
@as_json
def retry(client_run_id: str, wait: bool, json_: bool) -> None:
    """Have a client run go on that failed, had errors or was cancelled, under the same record.

    Leads that have an answer are not paid for again.

    Example: harvester retry 261122-050000-Guy-Wilson
    """
    with session.services() as services:
        try:
            answer = services.retry(client_run_id, by=session.BY)
        except NothingToRetry as error:
            raise session.Declined(str(error)) from error
        waited = wait and answer.outcome == "accepted"
        held = services.pauses.of([answer.client_id] if answer.outcome == "accepted" else [])
        if not json_:
            show_pauses(held)
        status = until_over(services, client_run_id)["status"] if waited else None
    if json_:
        shown = {"outcome": answer.outcome, "clientRunId": answer.client_run_id, "status": status}
        told = {"code": answer.code, "reason": answer.reason, **pauses.told(held)}
        show_json({**shown, "clientId": answer.client_id, **told})
    else:
        show_line(_sentence(answer, client_run_id, status))
    if status is not None:
        sys.exit(exit_code(status, wanted=ClientRunStatus.COMPLETED))
    if answer.outcome == "run_in_progress":
        sys.exit(session.EXIT_REFUSED)


def _sentence(answer: Answer, full_id: str, status: str | None) -> str:
    if answer.outcome == "skipped":
        return f"Nothing started for {answer.client_id}: {answer.reason} ({answer.code})."
    if answer.outcome == "run_in_progress":
        return f"Nothing started: client run {answer.client_run_id} is still running."
    if status is not None:
        return f"Client run {full_id} ended {status}."
    return f"Client run {full_id} goes on. Watch it: harvester runs {full_id}"


def show_coverage(services: Services, full_id: str, *, json_: bool) -> None:
    """Show what each profile of a client run was answered. Raises `HarvesterError` if there is none."""
    rows = profiles_of(services, full_id)
    run = services.overview.run(full_id)
    if rows is None or run is None:
        raise HarvesterError(f"there is no client run {full_id}")
    counts: dict[str, int] = run["coverage"]
    if json_:
        show_json({"coverage": counts, "profiles": rows})
        return
    title = ", ".join(f"{number} {_WORDS[name]}" for name, number in counts.items())
    columns = ("Profile", "Answer", "Posts", "Reason", "Actor run", "Unreachable since (UTC)")
    spare = ("Unreachable since (UTC)", "Actor run")
    show_table(title, columns, [_cells(row) for row in rows], spare=spare)


_WORDS = {
    "submitted": "submitted",
    "posts": "with posts",
    "none": "without posts",
    "errors": "with an error",
    "silent": "without a word",
    "notAnswered": "not answered",
    "unreachable": "unreachable now",
}


def profiles_of(services: Services, full_id: str) -> list[dict[str, Any]] | None:
    """Give each profile of a client run with its answer; None if there is no record of it."""
    rows: list[dict[str, Any]] = []
    after = 0
    while (page := services.coverage(full_id, limit=_PAGE, after=after)) is not None:
        rows += page.rows
        if page.next_cursor is None:
            return rows
        after = int(page.next_cursor)
    return None


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    answer = row["answer"] or "not answered"
    since = moment(row["unreachableSince"])
    return row["linkedinProfileUrl"], answer, row["postsFound"], row["reason"], row["actorRunId"], since
