"""What came in and who did what, over HTTP: deliveries, and the activity log."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.contract.answers.operating import DeliveryList
from routes.contract.answers.trail import ActivityList, OneWholeDelivery
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.post_queries import Activity, NarrowedDeliveries
from routes.errors import failure
from routes.state import services

blueprint = Blueprint("activity", __name__)


@blueprint.get("/api/deliveries")
@endpoint(Contract("Look", {200: (DeliveryList,)}, scope="read", query=NarrowedDeliveries))
def deliveries(query: NarrowedDeliveries) -> Response:
    """List webhook deliveries, newest first."""
    listing = services().trail.deliveries(
        limit=query.limit,
        before=query.cursor,
        outcome=query.outcome,
        apify_run_id=query.actor_run_id,
        client_run_id=query.client_run_id,
    )
    return jsonify({"ok": True, "deliveries": listing.rows, "nextCursor": listing.next_cursor})


@blueprint.get("/api/deliveries/<int(max=9223372036854775807):delivery_id>")
@endpoint(
    Contract(
        "Look", {200: (OneWholeDelivery,)}, scope="read", refuses={404: Refuses(("delivery_not_found",))}
    )
)
def one_delivery(delivery_id: int) -> Response:
    """Show one delivery with its headers and body, without any secret."""
    found = services().trail.delivery(delivery_id)
    if found is None:
        return failure(404, "delivery_not_found", f"there is no delivery {delivery_id}")
    return jsonify({"ok": True, "delivery": found})


@blueprint.get("/api/activity")
@endpoint(Contract("Look", {200: (ActivityList,)}, scope="read", bound="query", query=Activity))
def activity(query: Activity) -> Response:
    """List the activity log, newest first."""
    listing = services().trail.activity(
        limit=query.limit,
        before=query.cursor,
        ok=query.ok,
        operation=query.operation,
        client_id=query.client_id,
        client_run_id=query.client_run_id,
    )
    return jsonify({"ok": True, "activity": listing.rows, "nextCursor": listing.next_cursor})
