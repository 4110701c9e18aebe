"""Kickoff over HTTP."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, url_for

from harvester.errors import InvalidInput
from routes.auth import by
from routes.contract.answers.failures import RunRefused
from routes.contract.answers.runs import Accepted, Skipped
from routes.contract.asked import Asked
from routes.contract.binding import pauses_for_caller
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.orders import ClientQuery, KickoffOrder, OrderHeaders, ProfilesOrder, ResumeOrder
from routes.errors import failure
from routes.state import services
from services.kickoff import Answer, Order

blueprint = Blueprint("apify_process", __name__)

#: The source of an order that names none.
_SOURCE = "orchestrator"


def _contract(body: type[Asked], *also: str) -> Contract:
    return Contract(
        "Harvest",
        {200: (Skipped,), 202: (Accepted,)},
        scope="run",
        bound="order",
        headers=OrderHeaders,
        query=ClientQuery,
        body=body,
        refuses={
            404: Refuses(("client_not_found",)),
            409: Refuses(("run_in_progress", "run_exists", "idempotency_key_reused"), RunRefused),
            429: Refuses(("too_many_kickoffs",)),
            503: Refuses(("airtable_unavailable",)),
        },
        also=("missing_client", "invalid_run_id", *also),
    )


@blueprint.post("/api/apify/process-client")
@endpoint(_contract(KickoffOrder, "invalid_source"))
def process_client(headers: OrderHeaders, query: ClientQuery, body: KickoffOrder) -> Response:
    """Harvest one client's due leads."""
    return _answered(_due_leads(headers, query, body, body.source or _SOURCE))


@blueprint.post("/api/smart-resume/process-client")
@endpoint(_contract(ResumeOrder))
def resume_client(headers: OrderHeaders, query: ClientQuery, body: ResumeOrder) -> Response:
    """Harvest one client's due leads, for the smart resume workflow."""
    return _answered(_due_leads(headers, query, body, "smart_resume_workflow"))


@blueprint.post("/api/apify/run")
@endpoint(_contract(ProfilesOrder, "invalid_source", "invalid_profile_url"))
def run_profiles(headers: OrderHeaders, query: ClientQuery, body: ProfilesOrder) -> Response:
    """Harvest these profiles of a client now."""
    return _answered(
        Order(
            client_id=_client_id(headers, query, body.client_id),
            source=body.source or _SOURCE,
            run_id=body.run_id,
            target_urls=body.target_urls,
            max_posts=body.max_posts,
            idempotency_key=headers.idempotency_key,
            by=by(),
        )
    )


def _due_leads(headers: OrderHeaders, query: ClientQuery, body: ResumeOrder, source: str) -> Order:
    return Order(
        client_id=_client_id(headers, query, body.client_id),
        source=source,
        run_id=body.run_id,
        max_batches=body.max_batches_override,
        idempotency_key=headers.idempotency_key,
        by=by(),
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
            **pauses_for_caller(services().pauses.of([answer.client_id])),
        }
    )
    accepted.status_code = 202
    return accepted


def _ids(answer: Answer) -> dict[str, Any]:
    return {"runId": answer.run_id, "clientRunId": answer.client_run_id}


def _client_id(headers: OrderHeaders, query: ClientQuery, in_body: str | None) -> str:
    """Give the client that is named first: by header, query or body."""
    named = (headers.client_id, query.client_id, query.client, in_body)
    found = next((name for name in named if name), None)
    if found is None:
        raise InvalidInput(
            "name the client: header x-client-id, query clientId, or clientId in the body",
            code="missing_client",
        )
    return found
