"""Alerts over HTTP: what stands, since when, and what to do."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes import bodies
from routes.auth import token_required
from routes.state import services
from services import preview_shapes

blueprint = Blueprint("alerts", __name__)


@blueprint.get("/api/alerts")
@token_required
def alerts() -> Response:
    """List what stands, newest first."""
    after = bodies.narrowing("cursor", code="invalid_cursor")
    found, cursor = services().alerts.page(limit=bodies.limit(), after=after)
    rows = [preview_shapes.alert(one) for one in found]
    return jsonify({"ok": True, "alerts": rows, "nextCursor": cursor})
