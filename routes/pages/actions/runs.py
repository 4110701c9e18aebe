"""What a person does about one client run: cancel it, or have it go on."""

from __future__ import annotations

from typing import Any

from flask import Response

from harvester.models import ClientRunStatus
from routes.pages import filters, shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services import pauses
from services.kickoff import Answer
from services.run_ends import NothingToRetry, RunIsOver

blueprint = shell.blueprint("do_runs")


@blueprint.get("/runs/<full_id>/cancel")
def cancel(full_id: str) -> str:
    """Say what cancelling does."""
    run = asking.run(full_id)
    live = run["status"] == ClientRunStatus.RUNNING
    told = (
        "Nothing more of it is started, and what is at work at Apify is aborted. What it has found so far is "
        "kept and paid for once; the other leads are due again."
    )
    return asking.ask(
        Question(
            f"Cancel client run {full_id}",
            [told if live else f"It is over: {run['status']}. There is nothing to cancel"],
            back=f"/runs/{full_id}",
            button="Cancel this run" if live else None,
            kind="danger",
            facts=_facts(run),
        )
    )


@blueprint.post("/runs/<full_id>/cancel")
def cancelled(full_id: str) -> Response:
    """Cancel it."""
    asking.run(full_id)
    try:
        run = services().cancel(full_id, by=shell.who())
    except RunIsOver as error:
        return asking.refused(error, f"/runs/{full_id}")
    live = run.status is ClientRunStatus.RUNNING
    told = "ends as soon as what it has at Apify has ended" if live else f"ended {run.status}"
    return asking.done(f"client run {full_id} {told}", f"/runs/{full_id}")


@blueprint.get("/runs/<full_id>/retry")
def retry(full_id: str) -> str:
    """Say what trying again does."""
    run = asking.run(full_id)
    told, possible, asked = _outlook(run)
    facts = _facts(run)
    if asked is not None:
        facts.append(("Leads asked for next", filters.number(asked) if asked else "those that are due then"))
    return asking.ask(
        Question(
            f"Retry client run {full_id}",
            [told],
            back=f"/runs/{full_id}",
            button="Retry" if possible else None,
            facts=facts,
        )
    )


@blueprint.post("/runs/<full_id>/retry")
def retried(full_id: str) -> Response:
    """Have it go on."""
    asking.run(full_id)
    try:
        answer = services().retry(full_id, by=shell.who())
    except NothingToRetry as error:
        return asking.refused(error, f"/runs/{full_id}")
    return _answered(answer, full_id)


def _answered(answer: Answer, full_id: str) -> Response:
    there = f"/runs/{full_id}"
    if answer.outcome == "skipped":
        return asking.refused(f"nothing was started: {answer.reason}", there)
    if answer.outcome != "accepted":
        return asking.refused(
            f"nothing was started: client run {answer.client_run_id} goes on", f"/runs/{answer.client_run_id}"
        )
    held = services().pauses.of([answer.client_id])
    if held:
        return asking.done(f"client run {full_id} waits: {pauses.in_words(held[0])}", there, "warn")
    return asking.done(f"client run {full_id} goes on", there)


def _outlook(run: dict[str, Any]) -> tuple[str, bool, int | None]:
    """Say what a retry would do, whether it would, and for how many leads it would ask."""
    if run["status"] == ClientRunStatus.RUNNING:
        return "It goes on still: there is nothing to retry", False, None
    try:
        asked, why_not = services().retry.ahead(run["clientRunId"])
    except NothingToRetry as error:
        return asking.sentence(str(error)), False, None
    if why_not is not None:
        return f"It cannot go on now: {why_not}", False, None
    told = (
        "It goes on under the same record, with those of its leads that have no answer, and others that are "
        "due where its target needs them. Leads that have an answer are not paid for again; the client's "
        "budget holds as ever."
    )
    return told, True, asked


def _facts(run: dict[str, Any]) -> list[tuple[str, object]]:
    counted, reach = run["metrics"], run["coverage"]
    return [
        ("Client", run["clientName"]),
        ("Status", run["status"]),
        ("Started (UTC)", filters.moment(run["startedAt"])),
        ("Posts found", filters.number(counted["postsHarvested"])),
        ("Cost so far", filters.usd(counted["apifyCostUsd"])),
        ("Leads sent to Apify", filters.number(reach["submitted"])),
        (
            "Of them not answered, or with an error",
            filters.number(reach["submitted"] - reach["posts"] - reach["none"]),
        ),
    ]
