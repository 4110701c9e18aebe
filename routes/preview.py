"""Preview over HTTP: what a kickoff of a client would do now."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, Response, jsonify

from routes.contract.answers.clients import OnePreview
from routes.contract.binding import words_for_caller
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.state import services
from services import preview_shapes
from services.kickoff import Order

blueprint = Blueprint("preview", __name__)


@blueprint.get("/api/clients/<client_id>/preview")
@endpoint(
    Contract(
        "Look",
        {200: (OnePreview,)},
        scope="read",
        bound="path",
        refuses={404: Refuses(("client_not_found",)), 503: Refuses(("airtable_unavailable",))},
    )
)
def preview(client_id: str) -> Response:
    """Show who is due, why, in which order, and what it costs at most. Nothing is started."""
    found = services().preview(Order(client_id))
    found = replace(found, paused=words_for_caller(found.paused))
    return jsonify({"ok": True, "preview": preview_shapes.preview(found)})
