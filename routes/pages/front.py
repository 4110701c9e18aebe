"""Now: what runs, what needs a person, what today has brought and cost."""

from __future__ import annotations

from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("front")


@blueprint.get("/")
def now() -> str:
    """Show how everything stands."""
    return shell.page("now.html", board=services().board())
