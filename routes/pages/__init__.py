"""The operations page: everything that is served as HTML, behind the operator's session.

Each module is a blueprint made by `shell.blueprint`, which demands the session and the CSRF token, sets the
headers, and answers errors as pages. Templates extend `base.html` and use the macros of `macros.html`.
"""

from __future__ import annotations

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound

from routes import errors
from routes.pages import (
    actions,
    activity,
    actors,
    clients,
    dead_letters,
    deliveries,
    door,
    front,
    jobs,
    posts,
    runs,
    shell,
)

#: Every page but the way in; a new one is added here.
_MODULES = (front, clients, runs, jobs, posts, deliveries, dead_letters, actors, activity, *actions.MODULES)


def register(app: Flask) -> None:
    """Serve the pages with an application of which the services are in place."""
    shell.prepare(app)
    app.register_blueprint(door.blueprint)
    for module in _MODULES:
        app.register_blueprint(module.blueprint)
    for kind in (NotFound, MethodNotAllowed):
        app.register_error_handler(kind, _nowhere)


def _nowhere(error: HTTPException) -> Response:
    """Answer an address that there is not: people with a page, programs as the API does."""
    best = request.accept_mimetypes.best_match(["application/json", "text/html"])
    if best == "text/html" and not request.path.startswith("/api"):
        return shell.problem_page(error)
    return errors.as_json(error)
