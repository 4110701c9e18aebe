"""Repairing over HTTP: reconcile, replay, dead letters."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from routes.auth import by
from routes.contract.answers.operating import DeadLetterList, OneDeadLetter, OneDelivery, Reconciled
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.queries import Page
from routes.state import services
from services import RECONCILE, shapes

blueprint = Blueprint("repairs", __name__)


@blueprint.post("/api/reconcile")
@endpoint(Contract("Repair", {202: (Reconciled,)}, scope="run"))
def reconcile() -> Response:
    """Have everything that is not over checked against Apify now, by the worker."""
    due = services().reconcile.wake(lambda tx: services().chores.ask(tx, RECONCILE), by=by())
    answer = jsonify({"ok": True, "actorRuns": due})
    answer.status_code = 202
    return answer


@blueprint.post("/api/deliveries/<int(max=9223372036854775807):delivery_id>/replay")
@endpoint(
    Contract(
        "Repair",
        {200: (OneDelivery,)},
        scope="run",
        refuses={404: Refuses(("delivery_not_found",)), 409: Refuses(("not_replayable",))},
    )
)
def replay_delivery(delivery_id: int) -> Response:
    """Process one delivery again."""
    return jsonify({"ok": True, "delivery": shapes.delivery(services().replay(delivery_id, by=by()))})


@blueprint.get("/api/dead-letters")
@endpoint(Contract("Look", {200: (DeadLetterList,)}, scope="read", query=Page))
def dead_letters(query: Page) -> Response:
    """List what was given up and waits for a person."""
    listing = services().overview.dead_letters(limit=query.limit, before=query.cursor)
    return jsonify({"ok": True, "deadLetters": listing.rows, "nextCursor": listing.next_cursor})


@blueprint.post("/api/dead-letters/<int(max=9223372036854775807):row_id>/replay")
@endpoint(
    Contract(
        "Repair",
        {200: (OneDeadLetter,)},
        scope="run",
        refuses={404: Refuses(("dead_letter_not_found",)), 409: Refuses(("nothing_to_replay",))},
    )
)
def replay(row_id: int) -> Response:
    """Try one again."""
    run = services().dead_letters.replay(row_id, by=by())
    return jsonify({"ok": True, "deadLetter": shapes.dead_letter(run)})


@blueprint.post("/api/dead-letters/<int(max=9223372036854775807):row_id>/discard")
@endpoint(
    Contract(
        "Repair", {200: (OneDeadLetter,)}, scope="run", refuses={404: Refuses(("dead_letter_not_found",))}
    )
)
def discard(row_id: int) -> Response:
    """Give one up for good."""
    run = services().dead_letters.discard(row_id, by=by())
    return jsonify({"ok": True, "deadLetter": shapes.dead_letter(run)})
