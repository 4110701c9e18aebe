"""Activity: who did what, when, and how it went."""

from __future__ import annotations

from typing import Final

from flask import request

from routes import bodies
from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("activity_page")

_SHOWN: Final = 50
_WENT: Final = {"true": True, "false": False}


@blueprint.get("/activity")
def all_of_it() -> str:
    """List the activity log, narrowed by operation, client, client run, and how it went."""
    narrowed = {
        "operation": bodies.narrowing("operation") or None,
        "client_id": bodies.narrowing("clientId") or None,
        "client_run_id": bodies.narrowing("clientRunId") or None,
    }
    went = _WENT.get(request.args.get("ok", ""))
    trail = services().trail
    found = trail.activity(limit=_SHOWN, before=bodies.cursor(), ok=went, **narrowed)
    return shell.page(
        "activity.html",
        lines=found.rows,
        cursor=found.next_cursor,
        operations=trail.operations(),
        narrowed=went is not None or any(narrowed.values()),
    )
