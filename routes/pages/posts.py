"""Posts: search, one with all that is known of it, and files of what is searched for."""

from __future__ import annotations

from typing import Final

from flask import Response, abort, make_response, request

from harvester.errors import InvalidInput
from routes import downloads
from routes.pages import shell
from routes.state import services
from services.listing import Listing
from services.post_search import Filters

blueprint = shell.blueprint("posts_page")

#: Posts of a page, and characters of each that a list shows: together well below 100 kB.
_SHOWN: Final = 25
_CHARS: Final = 700
#: Names of the search in a query, in the order of `Filters`; the API has the same.
_NAMES: Final = ("q", "clientId", "lead", "clientRunId", "postedFrom", "postedTo")


@blueprint.get("/posts")
def search() -> Response:
    """Search, and show what is found; a search that cannot be is told beside its form."""
    wrong, status, found = None, 200, Listing([], None)
    try:
        found = services().posts.page(_filters(), limit=_SHOWN, cursor=request.args.get("cursor"))
    except InvalidInput as error:
        wrong, status = str(error), 400
    given = {name: request.args.get(name, "") for name in _NAMES}
    shown = {"given": given, "searched": any(given.values()), "wrong": wrong, "chars": _CHARS}
    return make_response(
        shell.page("posts.html", posts=found.rows, cursor=found.next_cursor, **shown), status
    )


@blueprint.get("/posts/<int(max=9223372036854775807):post_id>")
def one(post_id: int) -> str:
    """Show one post."""
    found = services().posts.post(post_id)
    if found is None:
        abort(404, "there is no post of this number")
    companions = services().companions.of_post(post_id)
    return shell.page("post.html", post=found, companions=companions)


@blueprint.get("/posts.csv")
def as_csv() -> Response:
    """Give everything that is searched for as a table."""
    return downloads.as_csv(services().posts.every(_filters()))


@blueprint.get("/posts.jsonl")
def as_jsonl() -> Response:
    """Give everything that is searched for, a JSON object a line."""
    return downloads.as_jsonl(services().posts.every(_filters()))


def _filters() -> Filters:
    return Filters(*(request.args.get(name) or None for name in _NAMES))
