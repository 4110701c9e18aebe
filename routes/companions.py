"""Comments and reactions over HTTP."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from harvester.posts import CompanionKind
from routes.contract.answers.companions import CommentList, ReactionList
from routes.contract.companion_queries import Companions
from routes.contract.endpoint import Contract, endpoint
from routes.state import services

blueprint = Blueprint("companions", __name__)


@blueprint.get("/api/comments")
@endpoint(Contract("Look", {200: (CommentList,)}, scope="read", bound="query", query=Companions))
def comments(query: Companions) -> Response:
    """List comments, newest stored first."""
    return _listed(CompanionKind.COMMENT, query)


@blueprint.get("/api/reactions")
@endpoint(Contract("Look", {200: (ReactionList,)}, scope="read", bound="query", query=Companions))
def reactions(query: Companions) -> Response:
    """List reactions, newest stored first."""
    return _listed(CompanionKind.REACTION, query)


def _listed(kind: CompanionKind, query: Companions) -> Response:
    found = services().companions.page(
        kind, limit=query.limit, cursor=query.cursor, client_id=query.client_id, post_key=query.post_key
    )
    return jsonify({"ok": True, f"{kind}s": found.rows, "nextCursor": found.next_cursor})
