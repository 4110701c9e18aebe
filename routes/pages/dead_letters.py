"""Dead letters: what was given up after failing again and again, and waits for a person."""

from __future__ import annotations

from typing import Final

from routes import bodies
from routes.pages import shell
from routes.state import services

blueprint = shell.blueprint("dead_letters_page")

_SHOWN: Final = 50


@blueprint.get("/dead-letters")
def all_of_them() -> str:
    """List dead letters, with what a person can do about each."""
    found = services().overview.dead_letters(limit=_SHOWN, before=bodies.cursor())
    return shell.page("dead_letters.html", letters=found.rows, cursor=found.next_cursor)
