"""Alerts over HTTP: what stands, since when, and what to do."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.operating import AlertList
from routes.contract.endpoint import Contract, endpoint
from routes.contract.queries import NamedPage
from routes.state import services
from services import preview_shapes

blueprint = Blueprint("alerts", __name__)


@blueprint.get("/api/alerts")
@endpoint(Contract("Look", {200: (AlertList,)}, scope="read", query=NamedPage))
def alerts(query: NamedPage) -> Response:
    """List what stands, newest first."""
    found, cursor = services().alerts.page(limit=query.limit, after=query.cursor)
    rows = [preview_shapes.alert(one) for one in found]
    return jsonify({"ok": True, "alerts": rows, "nextCursor": cursor})
