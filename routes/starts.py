"""The switch over HTTP: whether actor runs are started, and stopping and letting go of that."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from harvester.errors import InvalidInput
from routes import orders
from routes.auth import by
from routes.contract.answers.operating import Lifted, OnePause, Starts
from routes.contract.answers.shown import Good
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.orders import ClientHeader, PauseOrder, PauseQuery
from routes.state import services
from services.kickoff import UnknownClient
from services.pauses import ALL, of_actor, shown

blueprint = Blueprint("starts", __name__)


def _contract(answer: type[Good]) -> Contract:
    return Contract(
        "Repair",
        {200: (answer,)},
        scope="run",
        headers=ClientHeader,
        query=PauseQuery,
        body=PauseOrder,
        refuses={404: Refuses(("client_not_found",))},
        also=("missing_client", "unknown_actor"),
    )


@blueprint.get("/api/starts")
@endpoint(Contract("Look", {200: (Starts,)}, scope="read"))
def starts() -> Response:
    """Show what is paused, how many actor runs are at work, and how many may be."""
    return jsonify({"ok": True, "starts": services().pauses.state()})


@blueprint.post("/api/starts/pause")
@endpoint(_contract(OnePause))
def pause(headers: ClientHeader, query: PauseQuery, body: PauseOrder) -> Response:
    """Start nothing more, for the client or actor that is named or for all; what runs goes on to its end."""
    scope = _scope(headers, query, body)
    found = services().pauses.pause(scope, reason=body.reason or "", by=by())
    return jsonify({"ok": True, "pause": shown(found)})


@blueprint.post("/api/starts/resume")
@endpoint(_contract(Lifted))
def resume(headers: ClientHeader, query: PauseQuery, body: PauseOrder) -> Response:
    """Lift the pause of the client or the actor that is named, or that of all clients."""
    scope = _scope(headers, query, body)
    return jsonify({"ok": True, "lifted": services().pauses.lift(scope, by=by())})


def _scope(headers: ClientHeader, query: PauseQuery, body: PauseOrder) -> str:
    named = orders.client(headers, query, body)
    if named == ALL:
        raise UnknownClient(f"{named!r} is no client ID: leave it out to mean all clients")
    if body.actor_id is None:
        return named or ALL
    if named is not None:
        raise InvalidInput("an order names a client or an actor, and not both", code="invalid_body")
    return of_actor(body.actor_id)
