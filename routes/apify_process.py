"""Kickoff over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for

from harvester.errors import InvalidInput
from routes import bodies, orders
from routes.auth import token_required
from routes.errors import failure
from routes.state import services
from services import pauses
from services.kickoff import Answer, Order

blueprint = Blueprint("apify_process", __name__)

_MAX_PROFILES = 1_000
_MAX_POSTS = 1_000
_MAX_BATCHES = 1_000


@blueprint.post("/api/apify/process-client")
@token_required
def process_client() -> Response:
    """Harvest one client's due leads."""
    body = bodies.json_object()
    return _answered(_due_leads(body, orders.source(body, otherwise="orchestrator")))


@blueprint.post("/api/smart-resume/process-client")
@token_required
def resume_client() -> Response:
    """Harvest one client's due leads, for the smart resume workflow."""
    return _answered(_due_leads(bodies.json_object(), "smart_resume_workflow"))


@blueprint.post("/api/apify/run")
@token_required
def run_profiles() -> Response:
    """Harvest these profiles of a client now."""
    body = bodies.json_object()
    return _answered(
        Order(
            client_id=_client_id(body),
            source=orders.source(body, otherwise="orchestrator"),
            run_id=orders.run_id(body),
            target_urls=_target_urls(body),
            max_posts=bodies.whole(body, "maxPosts", most=_MAX_POSTS),
            idempotency_key=orders.idempotency_key(),
        )
    )


def _due_leads(body: dict[str, Any], source: str) -> Order:
    return Order(
        client_id=_client_id(body),
        source=source,
        run_id=orders.run_id(body),
        max_batches=bodies.whole(body, "maxBatchesOverride", most=_MAX_BATCHES),
        idempotency_key=orders.idempotency_key(),
    )


def _answered(order: Order) -> Response:
    answer = services().kickoff(order)
    if answer.outcome == "accepted":
        return _accepted(answer)
    if answer.outcome == "skipped":
        return jsonify({"ok": True, "skipped": True, "reason": answer.reason, "code": answer.code})
    live = answer.outcome == "run_in_progress"
    refused = failure(
        409,
        answer.outcome,
        f"client run {answer.client_run_id} is still running" if live else "there is a client run of this ID",
    )
    refused.set_data(jsonify({**(refused.json or {}), **_ids(answer)}).get_data())
    return refused


def _accepted(answer: Answer) -> Response:
    status_path = url_for("runs.one_run", client_run_id=answer.client_run_id)
    accepted = jsonify(
        {
            "ok": True,
            **_ids(answer),
            "clientId": answer.client_id,
            "status": "Running",
            "statusUrl": services().settings.public_url.rstrip("/") + status_path,
            **pauses.told(services().pauses.of([answer.client_id])),
        }
    )
    accepted.status_code = 202
    return accepted


def _ids(answer: Answer) -> dict[str, Any]:
    return {"runId": answer.run_id, "clientRunId": answer.client_run_id}


def _client_id(body: dict[str, Any]) -> str:
    named = (
        request.headers.get("x-client-id"),
        request.args.get("clientId"),
        request.args.get("client"),
        bodies.text(body, "clientId"),
    )
    found = next((name for name in named if name), None)
    if found is None:
        raise InvalidInput(
            "name the client: header x-client-id, query clientId, or clientId in the body",
            code="missing_client",
        )
    return found


def _target_urls(body: dict[str, Any]) -> list[str]:
    given = body.get("targetUrls")
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_PROFILES:
        raise InvalidInput(f"targetUrls must be a list of 1 to {_MAX_PROFILES} LinkedIn profile URLs")
    if not all(isinstance(url, str) for url in given):
        raise InvalidInput("targetUrls must hold strings only")
    return given
