"""Costs over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.clients import Costs
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.queries import CostsQuery
from routes.state import services

blueprint = Blueprint("costs", __name__)


@blueprint.get("/api/costs")
@endpoint(
    Contract(
        "Look", {200: (Costs,)}, scope="read", query=CostsQuery, refuses={404: Refuses(("client_not_found",))}
    )
)
def costs(query: CostsQuery) -> Response:
    """Show what is spent and left by client, and what answers and posts have cost over so many days."""
    report = services().costs.report(days=query.days, client_id=query.client_id)
    return jsonify({"ok": True, **report})
