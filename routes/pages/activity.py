"""Activity: who did what, when, and how it went."""

from __future__ import annotations

from typing import Final

from flask import request

from routes import bodies
from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("activity_page")

_SHOWN: Final = 50
#: In place of an operation: the lines that harvests write themselves as well.
_EVERYTHING: Final = "*"
_WENT: Final = {"true": True, "false": False}


@blueprint.get("/activity")
def all_of_it() -> str:
    """List what people did, or the activity log narrowed by operation, client, client run, how it went."""
    asked = bodies.narrowing("operation") or None
    everything = asked == _EVERYTHING
    narrowed = {
        "operation": None if everything else asked,
        "client_id": bodies.narrowing("clientId") or None,
        "client_run_id": bodies.narrowing("clientRunId") or None,
    }
    went = _WENT.get(request.args.get("ok", ""))
    trail = services().trail
    by_people = went is None and not everything and not any(narrowed.values())
    found = trail.activity(limit=_SHOWN, before=bodies.cursor(), ok=went, by_people=by_people, **narrowed)
    return shell.page(
        "activity.html",
        lines=found.rows,
        cursor=found.next_cursor,
        operations=trail.operations(),
        by_people=by_people,
        everything=_EVERYTHING,
    )
