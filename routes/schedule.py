"""Schedules over HTTP: what starts by itself, and when."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes import bodies
from routes.auth import token_required
from routes.state import services

blueprint = Blueprint("schedule", __name__)


@blueprint.get("/api/schedule")
@token_required
def schedule() -> Response:
    """List the schedules with their next times, and say what becomes of missed ones."""
    found = services().schedule
    listing = found.listing(limit=bodies.limit(), after=bodies.narrowing("cursor", code="invalid_cursor"))
    return jsonify(
        {
            "ok": True,
            "schedules": listing.rows,
            "nextCursor": listing.next_cursor,
            "missed": found.rules.missed,
        }
    )
