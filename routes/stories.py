"""The story of a client run over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from harvester import run_ids
from routes.contract.answers.trail import EventList
from routes.contract.endpoint import Contract, Refuses, endpoint
from routes.contract.queries import NamedPage
from routes.state import services
from services.run_ends import UnknownRun

blueprint = Blueprint("stories", __name__)


@blueprint.get("/api/runs/<client_run_id>/events")
@endpoint(
    Contract(
        "Look",
        {200: (EventList,)},
        scope="read",
        bound="path",
        query=NamedPage,
        refuses={404: Refuses(("run_not_found",))},
    )
)
def events(client_run_id: str, query: NamedPage) -> Response:
    """Tell what happened to a client run, oldest first. The last cursor, asked again, has what came since."""
    listing = None
    if run_ids.is_run_id(client_run_id):
        listing = services().story(client_run_id, limit=query.limit, after=query.cursor)
    if listing is None:
        raise UnknownRun(client_run_id)
    return jsonify({"ok": True, "events": listing.rows, "nextCursor": listing.next_cursor})
