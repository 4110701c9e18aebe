"""Job runs over HTTP: all clients at once, smart resume, and how each stands."""

from __future__ import annotations

from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify

from harvester import run_ids
from harvester.errors import InvalidInput
from routes import orders
from routes.auth import by
from routes.contract.answers.failures import Failure, JobRefused, ResumeRefused
from routes.contract.answers.jobs import JobAccepted, JobList, LiveResume, NoResume, OneJob, ResumeReset
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.orders import JobOrder, JobQuery, OrderHeaders
from routes.contract.queries import NamedPage
from routes.errors import failure
from routes.state import services
from services import job_shapes, pauses, shapes
from services.process import Ask, JobAnswer, RunExists
from services.resume_lock import ResumeInProgress
from services.smart_resume import SOURCE

blueprint = Blueprint("jobs", __name__)

T = TypeVar("T", int, str)


def _contract(refused: type[Failure], *codes: str) -> Contract:
    return Contract(
        "Harvest",
        {202: (JobAccepted,)},
        scope="run",
        headers=OrderHeaders,
        query=JobQuery,
        body=JobOrder,
        refuses={
            404: Refuses(("client_not_found",)),
            409: Refuses(("run_exists", "idempotency_key_reused", *codes), refused),
            503: Refuses(("airtable_unavailable",)),
        },
        also=("missing_client",),
    )


@blueprint.post("/api/apify/process")
@endpoint(_contract(JobRefused))
def process(headers: OrderHeaders, query: JobQuery, body: JobOrder) -> Response:
    """Harvest all active clients, or those that the query or the body narrows it to."""
    ask = _ask(headers, query, body, body.source or "master_process")
    try:
        return _accepted(services().process.order(ask))
    except RunExists as error:
        return _refused("run_exists", str(error), runId=error.run_id)


@blueprint.post("/api/smart-resume")
@endpoint(_contract(ResumeRefused, "resume_in_progress"))
def smart_resume(headers: OrderHeaders, query: JobQuery, body: JobOrder) -> Response:
    """Go on with what is missing, client by client; one at a time."""
    if (body.source or SOURCE) != SOURCE:
        raise InvalidInput(f"the source of a smart resume is {SOURCE}", code="invalid_source")
    try:
        return _accepted(services().smart_resume.start(_ask(headers, query, body, SOURCE)))
    except RunExists as error:
        return _refused("run_exists", str(error), runId=error.run_id)
    except ResumeInProgress as error:
        told = {"ageSeconds": error.age_seconds, "heartbeatAt": shapes.time(error.heartbeat_at)}
        return _refused("resume_in_progress", str(error), runId=error.run_id, **told)


@blueprint.get("/api/smart-resume")
@endpoint(Contract("Look", {200: (LiveResume, NoResume)}, scope="read"))
def smart_resume_state() -> Response:
    """Show the smart resume that is live, or the last one."""
    return jsonify({"ok": True, **services().smart_resume.state()})


@blueprint.delete("/api/smart-resume")
@endpoint(Contract("Repair", {200: (ResumeReset,)}, scope="run"))
def smart_resume_reset() -> Response:
    """End the live smart resume by hand; what it has started goes on."""
    ended = services().smart_resume.reset(by())
    return jsonify({"ok": True, "reset": ended is not None, "runId": ended})


@blueprint.get("/api/jobs")
@endpoint(Contract("Look", {200: (JobList,)}, scope="read", query=NamedPage))
def jobs(query: NamedPage) -> Response:
    """List job runs, newest first."""
    listing = services().job_reports.jobs(limit=query.limit, before=query.cursor)
    return jsonify({"ok": True, "jobs": listing.rows, "nextCursor": listing.next_cursor})


@blueprint.get("/api/jobs/<run_id>")
@endpoint(Contract("Look", {200: (OneJob,)}, scope="read", refuses={404: Refuses(("job_not_found",))}))
def job(run_id: str) -> Response:
    """Show one job run with the sums over its client runs, what it decided, and its report."""
    found = services().overview.job(run_id) if run_ids.is_run_id(run_id) else None
    if found is None:
        return failure(404, "job_not_found", "there is no job run of this ID")
    return jsonify({"ok": True, "job": found})


def _ask(headers: OrderHeaders, query: JobQuery, body: JobOrder, source: str) -> Ask:
    return Ask(
        source=source,
        stream=_one("stream", query.stream, body.stream),
        client_id=orders.client(headers, query, body),
        limit=_one("limit", query.limit, body.limit),
        run_id=_run_id(query, body),
        idempotency_key=headers.idempotency_key,
        by=by(),
    )


def _one(name: str, asked: T | None, told: T | None) -> T | None:
    """Give what the query asks or the body tells; both must not differ."""
    if asked is not None and told is not None and asked != told:
        raise InvalidInput(f"query and body name different values of {name}", code=f"invalid_{name}")
    return told if asked is None else asked


def _run_id(query: JobQuery, body: JobOrder) -> str | None:
    named = {run_ids.parse_base(one) for one in (query.run_id, body.run_id) if one is not None}
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
