"""Apify's webhook: proved, kept on disk, answered.

Apify tries again after anything but a 2xx, a 4xx included, for some 34 hours. So whatever is authentic and
stored gets a 2xx, even if nothing can be done with it.
"""

from __future__ import annotations

import re
from typing import Final

from flask import Blueprint, Response, jsonify, request

from harvester import log, webhook_payload
from harvester.normalise.text import clean
from routes import bodies, callers, errors
from routes.contract.answers.operating import Taken, WebhookReady
from routes.contract.endpoint import Contract, Refuses, documented
from routes.state import services

blueprint = Blueprint("apify_webhook", __name__)

MAX_BODY_BYTES: Final = 256 * 1024
_DISPATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEPT_HEADERS: Final = ("Content-Type", "Content-Length", "User-Agent")
_HEADER_CHARS: Final = 300


@blueprint.get("/api/apify-webhook")
@documented(Contract("Webhook", {200: (WebhookReady,)}, caller="anyone", ledger=False))
def ready() -> Response:
    """Say that the webhook is reachable."""
    return jsonify({"ok": True, "status": "ready"})


@blueprint.post("/api/apify-webhook")
@documented(
    Contract(
        "Webhook",
        {200: (Taken,)},
        refuses={
            400: Refuses(("invalid_body",)),
            403: Refuses(("address_not_allowed",)),
            413: Refuses(("body_too_large",)),
        },
        caller="webhook",
    )
)
def receive() -> Response:
    """Take one delivery."""
    if not _may_come_from_there():
        return errors.failure(403, "address_not_allowed", "webhooks may not come from this address")
    deliveries = services().deliveries
    proof = deliveries.prove(request.headers.get("Authorization"))
    body = bodies.bytes_up_to(MAX_BODY_BYTES)
    payload = webhook_payload.parse(body)
    dispatch_id = _dispatch_id()
    with log.bound(actorRunId=payload.apify_run_id or "", dispatchId=dispatch_id or ""):
        text = clean(body.decode("utf-8", "replace"), MAX_BODY_BYTES)[0]
        outcome = deliveries.keep(proof, payload, dispatch_id=dispatch_id, headers=_headers(), body=text)
    return jsonify({"ok": True, "outcome": outcome})


def _may_come_from_there() -> bool:
    """Say whether `APIFY_WEBHOOK_IPS` lets the caller's address in: a second lock, the token is the first."""
    allowed = services().settings.apify_webhook_ips
    return not allowed or callers.is_of(allowed)


def _dispatch_id() -> str | None:
    given = request.headers.get("X-Apify-Webhook-Dispatch-Id", "")
    return given if _DISPATCH_ID.fullmatch(given) else None


def _headers() -> dict[str, str]:
    """Keep what tells where a delivery came from; the token is not among it."""
    return {
        name: clean(value, _HEADER_CHARS)[0]
        for name, value in request.headers.items()
        if name in _KEPT_HEADERS or name.startswith("X-Apify-")
    }
