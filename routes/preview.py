"""Preview over HTTP: what a kickoff of a client would do now."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.auth import token_required
from routes.state import services
from services import preview_shapes
from services.kickoff import Order

blueprint = Blueprint("preview", __name__)


@blueprint.get("/api/clients/<client_id>/preview")
@token_required
def preview(client_id: str) -> Response:
    """Show who is due, why, in which order, and what it costs at most. Nothing is started."""
    return jsonify({"ok": True, "preview": preview_shapes.preview(services().preview(Order(client_id)))})
