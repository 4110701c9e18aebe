"""Actors over HTTP: how their outputs stand, and whether they are paused."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.actors import ActorList
from routes.contract.endpoint import Contract, endpoint
from routes.state import services

blueprint = Blueprint("actors", __name__)


@blueprint.get("/api/actors")
@endpoint(Contract("Look", {200: (ActorList,)}, scope="read"))
def actors() -> Response:
    """Show how each actor's output stands beside what it was, all clients together."""
    return jsonify({"ok": True, "actors": services().drift.actors()})
