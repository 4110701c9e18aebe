"""The ways in over HTTP: each verifies, calls one service, and shapes the answer."""

from __future__ import annotations

from flask import Flask

from routes import (
    activity,
    actors,
    alerts,
    apify_process,
    apify_webhook,
    bodies,
    callers,
    companions,
    costs,
    errors,
    health,
    jobs,
    metrics,
    openapi,
    pages,
    posts,
    preview,
    repairs,
    run_actions,
    runs,
    schedule,
    starts,
    stories,
)
from routes.state import STATE, State
from services import Services


def create_app(services: Services) -> Flask:
    """Build the Flask application around services that are ready."""
    app = Flask("harvester", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = bodies.MAX_BODY_BYTES
    # Both answer past the error handlers, and not in JSON: a redirect of `//` to `/`, and OPTIONS.
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    app.extensions[STATE] = State(services)
    callers.begin_at_the_root(app)
    callers.believe_proxies(app, services.settings.trusted_proxies)
    metrics.register(app)
    for module in (
        apify_process,
        apify_webhook,
        jobs,
        runs,
        run_actions,
        stories,
        posts,
        companions,
        activity,
        repairs,
        schedule,
        starts,
        costs,
        actors,
        alerts,
        preview,
        health,
        openapi,
    ):
        app.register_blueprint(module.blueprint)
    errors.register(app)
    pages.register(app)
    return app
