"""Harvesting many clients at once: process, and smart resume."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from flask import Response, request

from harvester.jobs import JobDecision
from routes.pages import filters, shell
from routes.pages.actions import asking
from routes.pages.actions.asking import Question
from routes.state import services
from services import pauses, preview_shapes
from services.process import Ask, JobAnswer
from services.resume_lock import ResumeInProgress
from services.smart_resume import SOURCE

blueprint = shell.blueprint("do_all_clients")

_MOST_STREAM: Final = 999_999_999
_MOST_CLIENTS: Final = 1_000_000
#: Clients that are looked at one by one.
_SHOWN: Final = 200
_PROCESS: Final = (
    "Every client that is Active and due gets a client run of its own; of the others the job run says why "
    "not. It costs at most what the budgets leave; what is due may well cost less."
)
_RESUME: Final = (
    "It goes on with what is missing: clients that completed within a day and have their posts are skipped, "
    "what still runs is taken on, and no answer is paid for again."
)


@blueprint.get("/process")
def process() -> str:
    """Say how many clients would be harvested, and what the budgets leave them."""
    return _asked("Process all clients", _PROCESS, "Process")


@blueprint.post("/process")
def processed() -> Response:
    """Start it; the same form gives the same job run."""
    return _answered(services().process.order(_ask("master_process")))


@blueprint.get("/resume")
def resume() -> str:
    """Say what a smart resume does, or that one is live."""
    state = services().smart_resume.state()
    if not state["running"]:
        return _asked("Smart resume", _RESUME, "Resume")
    told = f"Smart resume {state['runId']} is live, since {state['startedAt']}; one at a time goes on"
    way_out = "It can be ended by hand: what it has started goes on by itself, and another one can begin"
    return shell.page(
        "resume_live.html",
        title="Smart resume",
        told=[asking.sentence(told), asking.sentence(way_out)],
        run_id=state["runId"],
    )


@blueprint.post("/resume")
def resumed() -> Response:
    """Start one."""
    try:
        return _answered(services().smart_resume.start(_ask(SOURCE)))
    except ResumeInProgress as error:
        return asking.refused(error, f"/jobs/{error.run_id}")


@blueprint.post("/resume/end")
def ended() -> Response:
    """End the live one, if it is still the one that the page has shown."""
    state = services().smart_resume.state()
    if not state["running"] or state["runId"] != request.form.get("run_id"):
        return asking.refused("that smart resume is over already", "/resume")
    run_id = services().smart_resume.reset(shell.who())
    return asking.done(f"smart resume {run_id} is ended; what it has started goes on by itself", "/resume")


def _asked(title: str, told: str, button: str) -> str:
    stream, limit = _narrowed(request.args.get("stream"), request.args.get("limit"))
    ahead = services().costs.ahead(stream=stream, limit=limit)
    facts = [
        ("Active clients", filters.number(ahead.clients)),
        ("Of them at work already", filters.number(ahead.at_work)),
        ("The budgets leave today", filters.usd(ahead.at_most_usd)),
    ]
    hidden = [("key", asking.new_key()), ("stream", _text(stream)), ("limit", _text(limit))]
    held = [pauses.in_words(one) for one in services().pauses.standing() if one.scope == pauses.ALL]
    return asking.ask(
        Question(
            title,
            [told, *held] if ahead.clients else ["There is no active client to harvest"],
            "/",
            button if ahead.clients else None,
            facts=facts,
            hidden=hidden,
        ),
        template="process.html",
        stream=_text(stream),
        limit=_text(limit),
        whole=_whole(stream, limit) if request.args.get("whole") else None,
    )


def _whole(stream: int | None, limit: int | None) -> dict[str, Any]:
    """Look ahead at the first clients, one by one: a thousand would take longer than a page may."""
    found = services().preview.every(stream=stream, limit=min(limit or _SHOWN, _SHOWN))
    rows = [preview_shapes.preview(one) for one in found]
    wanted = [row for row in rows if not row["skipped"] and row["mostBatches"]]
    skipped = Counter(row["code"].replace("_", " ") for row in rows if row["skipped"])
    idle = sum(not row["skipped"] and not row["mostBatches"] for row in rows)
    return {
        "clients": wanted,
        "full": len(rows) == _SHOWN,
        "due": len(wanted),
        "idle": idle,
        "atMostUsd": sum(row["costAtMostUsd"] for row in wanted),
        "skipped": skipped.most_common(),
    }


def _ask(source: str) -> Ask:
    stream, limit = _narrowed(request.form.get("stream"), request.form.get("limit"))
    return Ask(source=source, stream=stream, limit=limit, idempotency_key=asking.key(), by=shell.who())


def _narrowed(stream: str | None, limit: str | None) -> tuple[int | None, int | None]:
    return (
        asking.whole(stream, "the stream", least=0, most=_MOST_STREAM),
        asking.whole(limit, "the number of clients", most=_MOST_CLIENTS),
    )


def _answered(answer: JobAnswer) -> Response:
    counts = Counter(one.decision for one in answer.clients)
    told = [f"{counts[JobDecision.STARTED]} started"]
    if counts[JobDecision.TAKEN_ON]:
        told.append(f"{counts[JobDecision.TAKEN_ON]} taken on")
    left = len(answer.clients) - counts[JobDecision.STARTED] - counts[JobDecision.TAKEN_ON]
    told.append(f"{left} not started")
    more = "; a worker goes on with the others" if answer.going_on else ""
    held = [one for one in services().pauses.standing() if one.scope == pauses.ALL]
    waits = f". They wait: {pauses.in_words(held[0])}" if held else ""
    there = f"/jobs/{answer.run_id}"
    category = "warn" if held or not counts[JobDecision.STARTED] else "good"
    return asking.done(f"job run {answer.run_id}: {', '.join(told)}{more}{waits}", there, category)


def _text(number: int | None) -> str:
    return "" if number is None else str(number)
