"""Schedules over HTTP: what starts by itself, and when."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.operating import ScheduleList
from routes.contract.endpoint import Contract, endpoint
from routes.contract.queries import NamedPage
from routes.state import services

blueprint = Blueprint("schedule", __name__)


@blueprint.get("/api/schedule")
@endpoint(Contract("Look", {200: (ScheduleList,)}, scope="read", query=NamedPage))
def schedule(query: NamedPage) -> Response:
    """List the schedules with their next times, and say what becomes of missed ones."""
    found = services().schedule
    listing = found.listing(limit=query.limit, after=query.cursor)
    return jsonify(
        {
            "ok": True,
            "schedules": listing.rows,
            "nextCursor": listing.next_cursor,
            "missed": found.rules.missed,
        }
    )
