"""Posts over HTTP: searched for, and streamed as files."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, jsonify

from routes import downloads
from routes.contract.answers.posts import Post, PostList
from routes.contract.endpoint import Contract, Stream, endpoint
from routes.contract.post_queries import PostFilters, Posts
from routes.state import services

blueprint = Blueprint("posts", __name__)

#: What the service refuses.
_CODES: Final = ("invalid_profile_url", "invalid_posted_from", "invalid_posted_to")


@blueprint.get("/api/posts")
@endpoint(Contract("Look", {200: (PostList,)}, scope="read", bound="query", query=Posts, also=_CODES))
def posts(query: Posts) -> Response:
    """Search posts: newest stored first, or newest posted first where a posted range is given."""
    found = services().posts.page(query.exact(), limit=query.limit, cursor=query.cursor)
    return jsonify({"ok": True, "posts": found.rows, "nextCursor": found.next_cursor})


@blueprint.get("/api/posts.jsonl")
@endpoint(
    Contract(
        "Look",
        {200: Stream("application/jsonl", Post)},
        scope="read",
        bound="query",
        query=PostFilters,
        also=_CODES,
    )
)
def posts_jsonl(query: PostFilters) -> Response:
    """Stream all posts that match, a JSON object a line."""
    return downloads.as_jsonl(services().posts.every(query.exact()))


@blueprint.get("/api/posts.csv")
@endpoint(
    Contract("Look", {200: Stream("text/csv")}, scope="read", bound="query", query=PostFilters, also=_CODES)
)
def posts_csv(query: PostFilters) -> Response:
    """Stream all posts that match as a table."""
    return downloads.as_csv(services().posts.every(query.exact()))
