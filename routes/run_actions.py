"""What a person does about one client run: cancel it, try it again, see what each profile was answered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from harvester import run_ids
from routes.auth import by
from routes.contract.answers.failures import RunRefused
from routes.contract.answers.runs import Accepted, Coverage, Skipped
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.queries import Page
from routes.errors import failure
from routes.state import services
from services.run_ends import UnknownRun

blueprint = Blueprint("run_actions", __name__)


@blueprint.post("/api/runs/<client_run_id>/cancel")
@endpoint(
    Contract(
        "Repair",
        {202: (Accepted,)},
        scope="run",
        bound="path",
        refuses={404: Refuses(("run_not_found",)), 409: Refuses(("run_is_over",))},
    )
)
def cancel(client_run_id: str) -> Response:
    """End a client run; what it has found is kept. It ends when what it has at Apify has."""
    run = services().cancel(_checked(client_run_id), by=by())
    return _accepted(run.run_id, run.client_run_id, run.client_id, run.status)


@blueprint.post("/api/runs/<client_run_id>/retry")
@endpoint(
    Contract(
        "Repair",
        {200: (Skipped,), 202: (Accepted,)},
        scope="run",
        bound="path",
        refuses={
            404: Refuses(("run_not_found", "client_not_found")),
            409: Refuses(("run_in_progress", "nothing_to_retry"), RunRefused),
            503: Refuses(("airtable_unavailable",)),
        },
    )
)
def retry(client_run_id: str) -> Response:
    """Have a client run go on that did not end well, with the leads that have no answer."""
    answer = services().retry(_checked(client_run_id), by=by())
    if answer.outcome == "skipped":
        return jsonify({"ok": True, "skipped": True, "reason": answer.reason, "code": answer.code})
    if answer.outcome == "run_in_progress":
        sentence = f"client run {answer.client_run_id} is still running"
        refused = failure(409, answer.outcome, sentence)
        ids = {"runId": answer.run_id, "clientRunId": answer.client_run_id}
        refused.set_data(jsonify({**(refused.json or {}), **ids}).get_data())
        return refused
    return _accepted(answer.run_id, client_run_id, answer.client_id, "Running")


@blueprint.get("/api/runs/<client_run_id>/coverage")
@endpoint(
    Contract(
        "Look",
        {200: (Coverage,)},
        scope="read",
        bound="path",
        query=Page,
        refuses={404: Refuses(("run_not_found",))},
    )
)
def coverage(client_run_id: str, query: Page) -> Response:
    """List the profiles that a client run has submitted, each with what it was answered."""
    full_id = _checked(client_run_id)
    listing = services().coverage(full_id, limit=query.limit, after=query.cursor or 0)
    if listing is None:
        raise UnknownRun(full_id)
    return jsonify({"ok": True, "profiles": listing.rows, "nextCursor": listing.next_cursor})


def _accepted(run_id: str | None, full_id: str, client_id: str, status: str) -> Response:
    shown: dict[str, Any] = {"runId": run_id, "clientRunId": full_id, "clientId": client_id, "status": status}
    path = url_for("runs.one_run", client_run_id=full_id)
    shown["statusUrl"] = services().settings.public_url.rstrip("/") + path
    accepted = jsonify({"ok": True, **shown})
    accepted.status_code = 202
    return accepted


def _checked(client_run_id: str) -> str:
    """Give a client run ID back, if it has the form of one: nothing else can be known."""
    if not run_ids.is_run_id(client_run_id):
        raise UnknownRun(client_run_id)
    return client_run_id
