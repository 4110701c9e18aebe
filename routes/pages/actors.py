"""Actors: how their outputs stand, and whether they are paused."""

from __future__ import annotations

from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("actor_pages")


@blueprint.get("/actors")
def actors() -> str:
    """Show each actor's rates now and before, what changed field by field, and what was refused."""
    return shell.page("actors.html", actors=services().drift.actors(rejects=True))
