"""Job runs over HTTP: all clients at once, smart resume, and how each stands."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Blueprint, Response, jsonify, request

from harvester import run_ids
from harvester.errors import InvalidInput, InvalidRunId
from routes import bodies, orders
from routes.auth import token_required
from routes.errors import failure
from routes.state import services
from services import job_shapes, pauses, shapes
from services.process import Ask, JobAnswer, RunExists
from services.resume_lock import ResumeInProgress
from services.smart_resume import SOURCE

blueprint = Blueprint("jobs", __name__)

_MOST_CLIENTS: Final = 1_000_000
_MOST_STREAM: Final = 2_147_483_647
_DIGITS: Final = re.compile(r"[0-9]{1,10}")


@blueprint.post("/api/apify/process")
@token_required
def process() -> Response:
    """Harvest all active clients, or those that the query or the body narrows it to."""
    body = bodies.json_object()
    ask = _ask(body, orders.source(body, otherwise="master_process"))
    try:
        return _accepted(services().process.order(ask))
    except RunExists as error:
        return _refused("run_exists", str(error), runId=error.run_id)


@blueprint.post("/api/smart-resume")
@token_required
def smart_resume() -> Response:
    """Go on with what is missing, client by client; one at a time."""
    try:
        body = bodies.json_object()
        if orders.source(body, otherwise=SOURCE) != SOURCE:
            raise InvalidInput(f"the source of a smart resume is {SOURCE}", code="invalid_source")
        return _accepted(services().smart_resume.start(_ask(body, SOURCE)))
    except RunExists as error:
        return _refused("run_exists", str(error), runId=error.run_id)
    except ResumeInProgress as error:
        told = {"ageSeconds": error.age_seconds, "heartbeatAt": shapes.time(error.heartbeat_at)}
        return _refused("resume_in_progress", str(error), runId=error.run_id, **told)


@blueprint.get("/api/smart-resume")
@token_required
def smart_resume_state() -> Response:
    """Show the smart resume that is live, or the last one."""
    return jsonify({"ok": True, **services().smart_resume.state()})


@blueprint.delete("/api/smart-resume")
@token_required
def smart_resume_reset() -> Response:
    """End the live smart resume by hand; what it has started goes on."""
    ended = services().smart_resume.reset("over the API")
    return jsonify({"ok": True, "reset": ended is not None, "runId": ended})


@blueprint.get("/api/jobs")
@token_required
def jobs() -> Response:
    """List job runs, newest first."""
    before = bodies.narrowing("cursor", code="invalid_cursor")
    listing = services().job_reports.jobs(limit=bodies.limit(), before=before)
    return jsonify({"ok": True, "jobs": listing.rows, "nextCursor": listing.next_cursor})


@blueprint.get("/api/jobs/<run_id>")
@token_required
def job(run_id: str) -> Response:
    """Show one job run with the sums over its client runs, what it decided, and its report."""
    found = services().overview.job(run_id) if _is_run_id(run_id) else None
    if found is None:
        return failure(404, "job_not_found", "there is no job run of this ID")
    return jsonify({"ok": True, "job": found})


def _ask(body: dict[str, Any], source: str) -> Ask:
    orders.only(body, "stream", "limit", "runId", "source")
    return Ask(
        source=source,
        stream=_number(body, "stream", least=0, most=_MOST_STREAM),
        client_id=orders.client(body),
        limit=_number(body, "limit", least=1, most=_MOST_CLIENTS),
        run_id=_run_id(body),
        idempotency_key=orders.idempotency_key(),
    )


def _number(body: dict[str, Any], name: str, *, least: int, most: int) -> int | None:
    """Give a whole number of the query, or of the body; both must not differ."""
    asked = request.args.get(name)
    read = int(asked) if asked is not None and _DIGITS.fullmatch(asked) else asked
    given: list[Any] = [value for value in (read, body.get(name)) if value is not None]
    for value in given:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            told = f"{name} must be a whole number from {least} to {most}"
            raise InvalidInput(told, code=f"invalid_{name}")
    if len(set(given)) > 1:
        raise InvalidInput(f"query and body name different values of {name}", code=f"invalid_{name}")
    return int(given[0]) if given else None


def _run_id(body: dict[str, Any]) -> str | None:
    given = [one for one in (request.args.get("runId"), orders.run_id(body)) if one is not None]
    named = {run_ids.parse_base(one) for one in given}
    if len(named) > 1:
        raise InvalidInput("query and body name different run IDs", code="invalid_run_id")
    return named.pop() if named else None


def _accepted(answer: JobAnswer) -> Response:
    shown: dict[str, Any] = {
        "ok": True,
        "runId": answer.run_id,
        "clients": [job_shapes.accepted(one) for one in answer.clients],
    }
    if answer.going_on:
        shown["kickingOff"] = True
    started = {one.client_id for one in answer.clients if one.client_run_id is not None}
    shown |= pauses.told(services().pauses.of(started))
    accepted = jsonify(shown)
    accepted.status_code = 202
    return accepted


def _refused(code: str, sentence: str, **more: object) -> Response:
    refused = failure(409, code, sentence)
    refused.set_data(jsonify({**(refused.json or {}), **more}).get_data())
    return refused


def _is_run_id(text: str) -> bool:
    try:
        return run_ids.require(text) == text
    except InvalidRunId:
        return False
