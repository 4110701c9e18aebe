"""Starting a harvest of one client: who is due and why, what it costs, and then the kickoff."""

from __future__ import annotations

from typing import Any, Final

from flask import Response, request

from harvester.errors import InvalidInput
from routes.pages import filters, shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services import pauses, preview_shapes
from services.eligibility import TooManyKickoffs
from services.kickoff import Answer, Order

blueprint = shell.blueprint("do_harvest")

_MOST_BATCHES: Final = 1_000
#: Leads that the page names; the others are counted.
_SHOWN: Final = 200


@blueprint.get("/clients/<client_id>/kickoff")
def kickoff(client_id: str) -> str:
    """Show who would be harvested, why, in which batches, and what it costs; or why nobody would."""
    batches = _batches(request.args.get("maxBatches"))
    found = preview_shapes.preview(services().preview(Order(client_id, max_batches=batches)))
    leads = [(batch["batch"], lead) for batch in found["batches"] for lead in batch["leads"]]
    hidden = [("key", asking.new_key()), ("maxBatches", str(batches or ""))]
    return asking.ask(
        Question(
            f"Kick off {found['clientName']}",
            _told(found),
            back=f"/clients/{client_id}",
            button=None if found["skipped"] else "Kick off",
            facts=[] if found["skipped"] else _facts(found),
            hidden=hidden,
        ),
        template="kickoff.html",
        preview=found,
        leads=leads[:_SHOWN],
        more=max(0, len(leads) - _SHOWN),
        batches=batches,
    )


@blueprint.post("/clients/<client_id>/kickoff")
def kicked_off(client_id: str) -> Response:
    """Kick the client off; the same form gives the same client run, however often it is sent."""
    order = Order(
        client_id,
        max_batches=_batches(request.form.get("maxBatches")),
        idempotency_key=asking.key(),
        by=shell.who(),
    )
    try:
        return _answered(services().kickoff(order))
    except TooManyKickoffs as error:
        return asking.refused(f"nothing was started: {error}", f"/clients/{client_id}")


def _answered(answer: Answer) -> Response:
    there = f"/runs/{answer.client_run_id}"
    if answer.outcome == "skipped":
        return asking.refused(f"nothing was started: {answer.reason}", f"/clients/{answer.client_id}")
    if answer.outcome != "accepted":
        return asking.refused(f"nothing was started: client run {answer.client_run_id} goes on", there)
    held = services().pauses.of([answer.client_id])
    if held:
        told = f"client run {answer.client_run_id} is there, and waits: {pauses.in_words(held[0])}"
        return asking.done(told, there, "warn")
    return asking.done(f"client run {answer.client_run_id} is started", there)


def _told(found: dict[str, Any]) -> list[str]:
    doubts = [str(doubt) for doubt in (found["paused"], found["remark"]) if doubt is not None]
    if found["skipped"]:
        return [f"Nothing would be started now: {found['reason']}", *doubts]
    if not found["profiles"]:
        return ["Nobody is due: the client run would end at once", *doubts]
    who = "1 profile" if found["profiles"] == 1 else f"{found['profiles']} profiles"
    return [f"{who} would be harvested at once; see below who, and why", *doubts]


def _facts(found: dict[str, Any]) -> list[tuple[str, object]]:
    wanted = found["postsWanted"]
    return [
        ("Costs at most", filters.usd(found["costAtMostUsd"])),
        ("The first batches, about", filters.usd(found["costAboutUsd"])),
        ("Posts wanted today", "–" if wanted is None else filters.number(wanted)),
        ("Batches at once", len(found["batches"])),
        ("Batches at most, until the target is met", found["mostBatches"]),
        ("Actor", found["actorId"]),
        ("Actor runs at once", found["actorRuns"]),
        ("Actor runs at most, each with a cap of its own", found["mostActorRuns"]),
    ]


def _batches(given: str | None) -> int | None:
    try:
        return asking.whole(given, "the number of batches", most=_MOST_BATCHES)
    except InvalidInput as error:
        raise InvalidInput(str(error), code="invalid_max_batches") from error
