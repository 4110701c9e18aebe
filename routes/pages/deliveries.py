"""Deliveries: the webhook calls that reached us, and what came of each."""

from __future__ import annotations

from typing import Final

from flask import abort

from harvester.models import DeliveryOutcome
from routes import bodies
from routes.pages import shell
from routes.state import services
from services import remedies

blueprint = shell.blueprint("deliveries_page")

_SHOWN: Final = 50
#: Those that are kept; a repeated one is answered, and not kept twice.
_OUTCOMES: Final = (DeliveryOutcome.ACCEPTED, DeliveryOutcome.IGNORED, DeliveryOutcome.UNKNOWN_RUN)


@blueprint.get("/deliveries")
def all_of_them() -> str:
    """List deliveries, narrowed by their outcome, actor run and client run."""
    narrowed = {
        "outcome": bodies.narrowing("outcome") or None,
        "apify_run_id": bodies.narrowing("actorRunId") or None,
        "client_run_id": bodies.narrowing("clientRunId") or None,
    }
    found = services().trail.deliveries(limit=_SHOWN, before=bodies.cursor(), **narrowed)
    return shell.page(
        "deliveries.html",
        deliveries=found.rows,
        cursor=found.next_cursor,
        outcomes=_OUTCOMES,
        narrowed=any(narrowed.values()),
    )


@blueprint.get("/deliveries/<int(max=9223372036854775807):delivery_id>")
def one(delivery_id: int) -> str:
    """Show one delivery, without any secret."""
    found = services().trail.delivery(delivery_id)
    if found is None:
        abort(404, "there is no delivery of this number")
    return shell.page("delivery.html", delivery=found, remedy=remedies.of_delivery(found["result"]))
