"""The switch over HTTP: whether actor runs are started, and stopping and letting go of that."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from routes import bodies, orders
from routes.auth import token_required
from routes.state import services
from services.kickoff import UnknownClient
from services.pauses import ALL, shown

blueprint = Blueprint("starts", __name__)

#: Who says so, in the activity log.
_BY = "api"


@blueprint.get("/api/starts")
@token_required
def starts() -> Response:
    """Show what is paused, how many actor runs are at work, and how many may be."""
    return jsonify({"ok": True, "starts": services().pauses.state()})


@blueprint.post("/api/starts/pause")
@token_required
def pause() -> Response:
    """Start nothing more, for the client that is named or for all; what runs goes on to its end."""
    body = bodies.json_object()
    scope, reason = _scope(body), bodies.text(body, "reason") or ""
    found = services().pauses.pause(scope, reason=reason, by=_BY)
    return jsonify({"ok": True, "pause": shown(found)})


@blueprint.post("/api/starts/resume")
@token_required
def resume() -> Response:
    """Lift the pause of the client that is named, or that of all clients."""
    return jsonify({"ok": True, "lifted": services().pauses.lift(_scope(bodies.json_object()), by=_BY)})


def _scope(body: dict[str, Any]) -> str:
    orders.only(body, "reason")
    named = orders.client(body)
    if named == ALL:
        raise UnknownClient(f"{named!r} is no client ID: leave it out to mean all clients")
    return named or ALL
