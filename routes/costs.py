"""Costs over HTTP."""

from __future__ import annotations

import re

from flask import Blueprint, Response, jsonify, request

from harvester.errors import InvalidInput
from routes import bodies
from routes.auth import token_required
from routes.state import services
from services.costs import MOST_DAYS

blueprint = Blueprint("costs", __name__)


@blueprint.get("/api/costs")
@token_required
def costs() -> Response:
    """Show what is spent and left by client, and what answers and posts have cost over so many days."""
    report = services().costs.report(days=_days(), client_id=bodies.narrowing("clientId"))
    return jsonify({"ok": True, **report})


def _days() -> int:
    given = request.args.get("days", "30")
    if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= MOST_DAYS:
        raise InvalidInput(f"days must be a whole number from 1 to {MOST_DAYS}", code="invalid_days")
    return int(given)
