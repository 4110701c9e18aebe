"""The story of a client run over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from harvester import run_ids
from harvester.errors import InvalidRunId
from routes import bodies
from routes.auth import token_required
from routes.state import services
from services.run_ends import UnknownRun

blueprint = Blueprint("stories", __name__)


@blueprint.get("/api/runs/<client_run_id>/events")
@token_required
def events(client_run_id: str) -> Response:
    """Tell what happened to a client run, oldest first. The last cursor, asked again, has what came since."""
    cursor = bodies.narrowing("cursor", code="invalid_cursor")
    listing = None
    if _is_run_id(client_run_id):
        listing = services().story(client_run_id, limit=bodies.limit(), after=cursor)
    if listing is None:
        raise UnknownRun(client_run_id)
    return jsonify({"ok": True, "events": listing.rows, "nextCursor": listing.next_cursor})


def _is_run_id(text: str) -> bool:
    try:
        return run_ids.require(text) == text
    except InvalidRunId:
        return False
