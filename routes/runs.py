"""Reading over HTTP: runs and clients."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from harvester import run_ids
from routes.contract.answers.clients import ClientList
from routes.contract.answers.runs import OneRun, RunList
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.queries import NamedPage, Runs
from routes.errors import failure
from routes.state import services
from services.overview import Listing

blueprint = Blueprint("runs", __name__)


@blueprint.get("/api/runs")
@endpoint(Contract("Look", {200: (RunList,)}, scope="read", bound="query", query=Runs))
def runs(query: Runs) -> Response:
    """List client runs, newest first."""
    listing = services().overview.runs(
        limit=query.limit,
        before=query.cursor,
        client_id=query.client_id,
        status=query.status,
        run_id=query.run_id,
    )
    return _list("runs", listing)


@blueprint.get("/api/runs/<client_run_id>")
@endpoint(
    Contract("Look", {200: (OneRun,)}, scope="read", bound="path", refuses={404: Refuses(("run_not_found",))})
)
def one_run(client_run_id: str) -> Response:
    """Show one client run."""
    found = services().overview.run(client_run_id) if run_ids.is_run_id(client_run_id) else None
    return _found("run", found, "there is no client run of this ID")


@blueprint.get("/api/clients")
@endpoint(
    Contract(
        "Look",
        {200: (ClientList,)},
        scope="read",
        query=NamedPage,
        refuses={503: Refuses(("airtable_unavailable",))},
    )
)
def clients(query: NamedPage) -> Response:
    """List clients, as Airtable has them where they are kept there."""
    airtable = services().airtable
    if airtable is not None:
        airtable.roster.at_hand()
    found = services().overview.clients(limit=query.limit, after=query.cursor)
    return _list("clients", Listing(services().costs.beside(found.rows), found.next_cursor))


def _list(name: str, listing: Listing) -> Response:
    return jsonify({"ok": True, name: listing.rows, "nextCursor": listing.next_cursor})


def _found(name: str, value: dict[str, Any] | None, otherwise: str) -> Response:
    return (
        failure(404, f"{name}_not_found", otherwise) if value is None else jsonify({"ok": True, name: value})
    )
